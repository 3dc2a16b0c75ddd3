// From a lowered module to CUDA C++ that a person can read, and from there to a cubin with a launch plan.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/ir/module.h"
#include "common/target/target.h"
#include "worker/codegen/cuda/launch_plan.h"

namespace hone::codegen {

struct CudaSource {
  std::string text;  // Complete: includes nothing.
  LaunchPlan plan;   // Without what only the compiler knows.
};

// `lowered` is what lower::Lower gave for a target of kind cuda: one function whose launches are thread_extent
// attributes. Every outermost one becomes a kernel. FailedPrecondition when work is left outside of kernels (a loop
// that nobody bound to threads), Unimplemented for an operation without code, naming it. Needs no CUDA.
absl::StatusOr<CudaSource> EmitCuda(const ir::IRModule& lowered, const Target& target);

struct CudaKernels {
  std::string source;
  std::string artifact;  // EncodeCubin of plan and image.
  LaunchPlan plan;
  std::string log;
};

// EmitCuda and NVRTC. Unavailable without NVRTC. Thread-safe.
absl::StatusOr<CudaKernels> CompileCuda(const ir::IRModule& lowered, const Target& target);
// The second half of it.
absl::StatusOr<CudaKernels> CompileCuda(CudaSource source);

// The architecture to compile for: the target's `arch`, "sm_75" ... "sm_90a". InvalidArgument when it has none.
absl::StatusOr<std::string> CudaArchOf(const Target& target);

// Part of the key under which artifacts are cached: changes with every change of the code that is generated, and with
// the version of NVRTC (unless there is none).
std::string CudaCodegenRevision();

}  // namespace hone::codegen
