// Whose records an identity may read and write.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/service/gate.h"

namespace hone {

constexpr char kSharedPool[] = "shared";

bool MayRead(const Identity& who, const std::string& pool);
// The pools asked for, or all that the identity may read when it asks for none; empty = all there are.
// PermissionDenied names the pool.
absl::StatusOr<std::vector<std::string>> ReadablePools(const Identity& who, std::vector<std::string> asked);
// Its own when it asks for none. PermissionDenied names the pool.
absl::StatusOr<std::string> WritablePool(const Identity& who, const std::string& asked);

}  // namespace hone
