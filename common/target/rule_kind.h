// Which default lists of schedule rules, postprocs and mutators a target gets.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "common/target/target.h"

namespace hone {

// "llvm", "vnni", "avx512", "asimd", "dotprod", "cuda", "cuda-tensorcore", "hexagon" or "c" (which has no lists).
// InvalidArgument for a kind without design spaces.
absl::StatusOr<std::string_view> RuleKindOf(const Target& target);

// N of "sm_N" in the attribute `arch`, by the digits that it starts with (90 for "sm_90a"); 0 when absent.
int SmVersion(const Target& target);

}  // namespace hone
