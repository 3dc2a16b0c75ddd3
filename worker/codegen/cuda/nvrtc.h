// NVIDIA's run-time compiler, opened when it is first needed: nothing of CUDA is needed to build Hone.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace hone::codegen {

struct NvrtcResult {
  std::string cubin;
  std::string log;  // With what ptxas says of registers, spills and shared memory.
};

// The version ("13.0") of the library that would be used: $HONE_NVRTC and no other where that is set, else the first of
// libnvrtc.so.13/.12 on the loader's path, in $CUDA_HOME/lib64 and in /usr/local/cuda/lib64. Unavailable, naming where
// it was looked for, when there is none. Thread-safe.
absl::StatusOr<std::string> NvrtcVersion();

// Compiles `source` for `arch` ("sm_90"). Unavailable without NVRTC; InvalidArgument with the compiler's messages for a
// source that it refuses. Thread-safe.
absl::StatusOr<NvrtcResult> NvrtcCompile(const std::string& source, const std::string& arch);

}  // namespace hone::codegen
