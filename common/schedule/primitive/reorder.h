// Changing the order of loops, and of a block's iters.
#pragma once

#include "absl/types/span.h"
#include "common/schedule/instruction.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// Puts `loops`, in the given order, into the places that they have now; other loops keep theirs. They lie on one chain
// of loops with a single child each. Legal when the blocks below have spatial and reduce iters only, with affine
// bindings, and no loop's range comes to use the variable of a loop inside of it.
absl::Status Reorder(ScheduleState& state, absl::Span<const SrefId> loops);

// Position k of the iters takes the iter that was at new_order[k], a permutation.
absl::Status ReorderBlockIterVar(ScheduleState& state, SrefId block, absl::Span<const int64_t> new_order);

// A loop `u` of extent 1 directly above. Not for a root block.
absl::StatusOr<SrefId> AddUnitLoop(ScheduleState& state, SrefId id);

extern const InstructionRow kReorderRow;
extern const InstructionRow kReorderBlockIterVarRow;
extern const InstructionRow kAddUnitLoopRow;

}  // namespace hone::schedule
