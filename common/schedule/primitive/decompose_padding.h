// Separating a padding block into a constant fill and the copy of what lies inside.
#pragma once

#include "common/schedule/instruction.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// `block` is complete and its body is one store of if_then_else(inside, value, constant). Before `loop`, an ancestor of
// it, comes a nest that stores the constant over the whole region (block <name>_pad_const, which is returned); the
// block itself is reduced to the inside: shifted to start at 0, its loops shortened where they are bound directly, what
// remains of the condition as a predicate.
absl::StatusOr<SrefId> DecomposePadding(ScheduleState& state, SrefId block, SrefId loop);

extern const InstructionRow kDecomposePaddingRow;

}  // namespace hone::schedule
