// What tests of CUDA sources share: each source is compiled where there is NVRTC; where there is none, the test program
// ends by saying how many were not.
#pragma once

#include "worker/codegen/cuda/cuda_codegen.h"

namespace hone::codegen {

// The source compiles. Where it was compiled and `plan` is given, that is then the source's plan with ptxas's report.
void ExpectCompiles(const CudaSource& source, LaunchPlan* plan = nullptr);

}  // namespace hone::codegen
