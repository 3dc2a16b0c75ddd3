// Changing the iteration space of a block.
#pragma once

#include "common/schedule/instruction.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// The block, bound trivially to a chain of loops that hold nothing else and start at 0, gets iters v0.. and loops ax0..
// over the image of its domains under `index_map`, which must be bijective and affine.
absl::Status TransformBlockLayout(ScheduleState& state, SrefId block, const ir::IndexMapNode* index_map);

extern const InstructionRow kTransformBlockLayoutRow;

}  // namespace hone::schedule
