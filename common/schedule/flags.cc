// Computing the flags of blocks from the program.
#include <optional>

#include "common/schedule/affine.h"
#include "common/schedule/analysis.h"
#include "common/schedule/region_cover.h"
#include "common/schedule/state.h"

namespace hone::schedule {

namespace {

// HasAffineBinding, looked up when the block is bound to the same loops as before.
bool IsBoundAffinely(ScheduleState& state, SrefId block) {
  const ir::BlockRealizeNode* realize = state.at(block).realize;
  VerdictKey key(1);
  key.Add(realize->iter_values.data());
  key.Add(realize->iter_values.size());
  key.Add(realize->predicate.get());
  for (SrefId id = state.parent(block); id != kNoSref && state.loop(id) != nullptr; id = state.parent(id)) {
    const ir::ForNode* loop = state.loop(id);
    key.Add(loop->loop_var.get());
    key.Add(loop->min.get());
    key.Add(loop->extent.get());
  }
  if (const std::optional<bool> known = state.flag_memo().Find(key)) return *known;
  const bool affine = HasAffineBinding(state, block);
  state.flag_memo().Add(key, affine);
  return affine;
}

}  // namespace

void ScheduleState::RecomputeScope(SrefId block) {
  const ir::ArenaScope scope(arena_);
  for (SrefId child : ChildBlocks(*this, block)) RecomputeFlags(child);
  ComputeChildFlags(*this, block);
}

void ScheduleState::RecomputeFlags(SrefId block) {
  if (unsettled_ == block) unsettled_ = kNoSref;
  RecomputeScope(block);
  const bool is_root = nodes_[block].parent == kNoSref;
  nodes_[block].affine_binding = is_root ? nodes_[block].realize->iter_values.empty() : IsBoundAffinely(*this, block);
  if (is_root) nodes_[block].region_cover = true;
}

}  // namespace hone::schedule
