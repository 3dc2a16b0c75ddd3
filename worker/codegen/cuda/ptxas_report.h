// What ptxas says about the kernels that it assembled.
#pragma once

#include <string_view>

#include "worker/codegen/cuda/launch_plan.h"

namespace hone::codegen {

// Fills registers, spills, stack and static shared memory of the plan's kernels from the text that `ptxas -v` printed.
// Kernels that it does not mention keep zeros.
void AddPtxasReport(std::string_view log, LaunchPlan* plan);

}  // namespace hone::codegen
