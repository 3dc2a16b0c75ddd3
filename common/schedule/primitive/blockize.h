// Making a block of a loop nest or of neighbouring blocks.
#pragma once

#include "absl/types/span.h"
#include "common/schedule/instruction.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// The nest from `loop` down, which has exactly one child block, becomes a block <name>_o. Each iter of the child is
// divided into an outer part, an iter <v>_o of the new block, and an inner part, an iter <v>_i of the child (none when
// its extent is 1). An init moves to the new block, as a nest of its own. Refused when the bindings cannot be divided.
absl::StatusOr<SrefId> BlockizeLoop(ScheduleState& state, SrefId loop, bool preserve_unit_iters);

// The nests of `blocks`, neighbours in one sequence, become one block outer_<names>_ with the outer iters that they
// share. No outer iter may be a reduction, and all blocks must have the same kind there, so each inner block has its
// whole reduction and keeps its init. Refused when bindings, predicates or kinds of the shared iters differ.
absl::StatusOr<SrefId> BlockizeBlocks(ScheduleState& state, absl::Span<const SrefId> blocks, bool preserve_unit_iters);

extern const InstructionRow kBlockizeRow;

}  // namespace hone::schedule
