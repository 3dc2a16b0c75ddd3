// Splitting a reduction into its initialisation and its update.
#pragma once

#include "common/schedule/instruction.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// Moves the init of the reduction `block` into a block of its own (returned), in a copy of those loops from the block
// up to `loop` that its spatial iters use, right before `loop`. `block` becomes the update.
//   for i: for k: C[i] (init 0) += A[i, k]   =>   for i: { C[i] = 0; for k: C[i] += A[i, k] }     (loop = k)
// Refused unless `loop` is above the block, the block is a reduction, no loop above `loop` feeds a reduce iter, and the
// block reduces over each element once below `loop` (the peer accepts it otherwise and counts the sum several times).
absl::StatusOr<SrefId> DecomposeReduction(ScheduleState& state, SrefId block, SrefId loop);

extern const InstructionRow kDecomposeReductionRow;

}  // namespace hone::schedule
