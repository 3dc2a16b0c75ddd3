// How many additions stand behind an output of a workload: what the gate's tolerance grows with.
#pragma once

#include <optional>
#include <string_view>

namespace hone::runner {

// The extents of a block's reduction axes, multiplied, summed over the blocks of all functions: stages that feed each
// other add their errors. 1 for a program that only maps elements. Nothing when the text is no TVMScript, has no
// blocks, or an extent that is not constant.
std::optional<double> ReductionLengthOf(std::string_view workload_script);

}  // namespace hone::runner
