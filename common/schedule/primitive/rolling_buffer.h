// Keeping only the part of a buffer that a sliding window needs.
#pragma once

#include "common/schedule/instruction.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// `block` writes a buffer, allocated by its scope, whose readers stand with it in one loop; along the outermost loop
// over which its regions overlap, that dimension of the buffer shrinks to the region's extent and is indexed modulo it,
// and elements that an iteration before made are not made again. Iters of the blocks below the scope at that
// dimension's position become opaque: their loops carry values now.
absl::Status RollingBuffer(ScheduleState& state, SrefId block, int write_buffer_index);

extern const InstructionRow kRollingBufferRow;

}  // namespace hone::schedule
