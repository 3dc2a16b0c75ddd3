// Replacing a computation by a tensor intrinsic.
#pragma once

#include "common/schedule/instruction.h"
#include "common/schedule/schedule.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// `id` is a block, or a loop with one child block that is blockized first. Where the block matches the intrinsic's
// description, its body becomes the implementation's, over match_buffer views of the regions that it reads and writes;
// name, iters, regions and init stay.
absl::Status Tensorize(ScheduleState& state, SrefId id, const TensorIntrin& intrinsic, bool preserve_unit_iters);

extern const InstructionRow kTensorizeRow;

}  // namespace hone::schedule
