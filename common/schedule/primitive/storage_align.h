// Asking for a padded layout of a buffer.
#pragma once

#include "common/schedule/instruction.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// Notes on the block that dimension `axis` (negative: from the end) of its write buffer is to have a stride of
// factor * k + offset elements. The buffer is allocated by a block above; factor > 0.
absl::Status StorageAlign(ScheduleState& state, SrefId block, int buffer_index, int axis, int factor, int offset);

extern const InstructionRow kStorageAlignRow;

}  // namespace hone::schedule
