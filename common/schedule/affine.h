// Whether bindings are independent quasi-affine maps of the loops around.
#pragma once

#include "common/schedule/rebind.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// The loops from `low` upward, `high_exclusive` (kNoSref: up to the scope root) left out; outermost first.
LoopDomains DomainsOfPath(const ScheduleState& state, SrefId low, SrefId high_exclusive);
// The same with the thread-bound loops further up (through blocks, up to the root) over which regions of a buffer in
// `storage_scope` are relaxed; none for global ones.
LoopDomains DomainsOfPath(const ScheduleState& state, SrefId low, SrefId high_exclusive,
                          std::string_view storage_scope);
// The bindings of `block` over the loops above it and strictly below `high_exclusive`: dense, independent, scale 1.
// Always true without loops.
bool HasAffineBinding(const ScheduleState& state, SrefId block, SrefId high_exclusive = kNoSref);
bool IsAffineBinding(const ir::BlockRealizeNode* realize, const LoopDomains& domains);
// Its affine_binding flag, or else HasAffineBinding below `high_exclusive`.
absl::Status CheckPartialAffineBinding(const ScheduleState& state, SrefId block, SrefId high_exclusive);

}  // namespace hone::schedule
