// Computing the flags of blocks from the program.
#include <vector>

#include "common/schedule/affine.h"
#include "common/schedule/analysis.h"
#include "common/schedule/region_cover.h"
#include "common/schedule/state.h"

namespace hone::schedule {

void ScheduleState::RecomputeScope(SrefId block) {
  const ir::ArenaScope scope(arena_);
  for (SrefId child : ChildBlocks(*this, block)) RecomputeFlags(child);
  ComputeChildFlags(*this, block);
}

void ScheduleState::RecomputeFlags(SrefId block) {
  if (unsettled_ == block) unsettled_ = kNoSref;
  RecomputeScope(block);
  const bool is_root = nodes_[block].parent == kNoSref;
  nodes_[block].affine_binding = is_root ? nodes_[block].realize->iter_values.empty() : HasAffineBinding(*this, block);
  if (is_root) nodes_[block].region_cover = true;
}

}  // namespace hone::schedule
