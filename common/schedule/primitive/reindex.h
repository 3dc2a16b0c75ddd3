// Reading or writing a buffer by way of a copy that is laid out as the block's iters run.
#pragma once

#include "common/schedule/instruction.h"
#include "common/schedule/schedule.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// Adds a block (returned) that copies between the n-th read (or write) buffer of `block` and a buffer with one
// dimension for each iter in its indices, and lets the block access that by its iters alone:
//   C[i, j] += A[i * 2 + k]   =>   A_reindex[i, k] = A[i * 2 + k];  C[i, j] += A_reindex[i, k]
// Refused unless the scope is a stage pipeline, the block is a leaf that accesses the buffer at one index only and
// never through its pointer, and nothing else in the block's nest writes what is read or reads what is written.
absl::StatusOr<SrefId> ReIndex(ScheduleState& state, SrefId block, int buffer_index, BufferSide side);

extern const InstructionRow kReIndexRow;

}  // namespace hone::schedule
