// `hone inspect lower`: a program after its trace, in the forms on its way to machine code.
#pragma once

#include "client/cli/inspect/case.h"

namespace hone::cli {

// {text}: `emit` is "tir" (after the lowering pipeline, the default), "llvm-ir" (after optimisation) or "asm".
absl::StatusOr<InspectAnswer> InspectLower(const InspectCase& question);

}  // namespace hone::cli
