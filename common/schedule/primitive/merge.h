// Merging loop nests that stand side by side.
#pragma once

#include "absl/types/span.h"
#include "common/schedule/instruction.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// The nests from each of `loops` up to what they have in common become one, which runs their bodies in the given order
// and stands where the last nest stood. The nests are equally deep, with equal extents, one child a loop, no
// annotations or thread bindings, and start at 0. Returns the innermost merged loop. The caller sees to it that the new
// order of execution is legal.
absl::StatusOr<SrefId> Merge(ScheduleState& state, absl::Span<const SrefId> loops);

extern const InstructionRow kMergeRow;

}  // namespace hone::schedule
