// --database URL as a store.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/store/store.h"

namespace hone {

// "postgresql://...", "json:DIR" or "memory:". InvalidArgument for anything else; Unavailable when PostgreSQL does not
// answer; the message never holds a password.
absl::StatusOr<std::unique_ptr<Store>> OpenStore(const std::string& url);

}  // namespace hone
