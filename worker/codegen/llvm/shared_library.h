// Linking a kernel's object for export.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace hone::codegen {

// A shared library made of one position-independent object, linked with libgomp and libm by the system's compiler or
// linker (the first of ld.lld, ld that is installed). FailedPrecondition when there is none; Internal with what the
// linker said otherwise. Uses a folder of its own under the temporary directory and removes it.
absl::StatusOr<std::string> LinkSharedLibrary(std::string_view object);

}  // namespace hone::codegen
