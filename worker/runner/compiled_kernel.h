// For tests: kernels written in C, compiled by gcc at run time into what a builder would deliver.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace hone::runner {

// The bytes of the relocatable object of `source`, which defines `int32_t kernel(void** buffers)`. <stdint.h> and
// <stddef.h> are included already.
absl::StatusOr<std::string> CompileKernel(std::string_view source, std::string_view flags = "-O2");

}  // namespace hone::runner
