#include "common/schedule/affine.h"

#include <algorithm>

#include "common/schedule/analysis.h"
#include "common/schedule/compact_sum.h"

namespace hone::schedule {

LoopDomains DomainsOfPath(const ScheduleState& state, SrefId low, SrefId high_exclusive) {
  LoopDomains out;
  for (SrefId id = low; id != kNoSref && id != high_exclusive; id = state.parent(id)) {
    const ir::ForNode* loop = state.loop(id);
    if (loop == nullptr) break;
    out.push_back({loop->loop_var, {loop->min, loop->extent}});
  }
  std::reverse(out.begin(), out.end());
  return out;
}

LoopDomains DomainsOfPath(const ScheduleState& state, SrefId low, SrefId high_exclusive,
                          std::string_view storage_scope) {
  LoopDomains out = DomainsOfPath(state, low, high_exclusive);
  const std::optional<StorageScope> storage = ParseStorageScope(storage_scope);
  if (!storage.has_value() || storage->rank == 0) return out;
  SrefId id = low;
  while (id != kNoSref && id != high_exclusive && state.loop(id) != nullptr) id = state.parent(id);
  for (; id != kNoSref; id = state.parent(id)) {
    const ir::ForNode* loop = state.loop(id);
    if (loop == nullptr || loop->thread_binding == nullptr) continue;
    if (!RelaxesOver(storage_scope, loop->thread_binding->thread_tag)) continue;
    out.insert(out.begin(), {loop->loop_var, {loop->min, loop->extent}});
  }
  return out;
}

bool IsAffineBinding(const ir::BlockRealizeNode* realize, const LoopDomains& domains) {
  if (domains.empty()) return true;
  if (realize->iter_values.empty()) return false;
  if (ir::IsTrue(realize->predicate)) {
    absl::InlinedVector<ir::Expr, 8> values;
    if (RebindCompactSums(realize->iter_values, Rebinding{}, domains, values)) return true;
  }
  arith::Analyzer analyzer;
  const auto values = absl::MakeConstSpan(realize->iter_values.data(), realize->iter_values.size());
  const arith::IterMapResult result =
      arith::DetectIterMap(values, domains, realize->predicate, arith::IterMapLevel::kSurjective, analyzer,
                           /*simplify_trivial_iterators=*/false);
  if (!result.ok) return false;
  for (const arith::IterSum& sum : result.indices) {
    if (!sum.args.empty() && !ir::IsOne(sum.args[0].scale)) return false;
  }
  return true;
}

bool HasAffineBinding(const ScheduleState& state, SrefId block, SrefId high_exclusive) {
  return IsAffineBinding(state.at(block).realize, DomainsOfPath(state, state.parent(block), high_exclusive));
}

absl::Status CheckPartialAffineBinding(const ScheduleState& state, SrefId block, SrefId high_exclusive) {
  if (state.affine_binding(block) || HasAffineBinding(state, block, high_exclusive)) return absl::OkStatus();
  return state.Refuse("The bindings of the block are no affine map of the loops", {block});
}

}  // namespace hone::schedule
