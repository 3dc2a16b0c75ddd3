#include "common/schedule/primitive/relaxed_loops.h"

#include "common/schedule/analysis.h"

namespace hone::schedule {

LoopDomains RelaxedLoops(const ScheduleState& state, SrefId low, SrefId high, std::string_view storage_scope) {
  LoopDomains out;
  SrefId id = low;
  for (; id != high && id != kNoSref && state.loop(id) != nullptr; id = state.parent(id)) {
    out.push_back({state.loop(id)->loop_var, {state.loop(id)->min, state.loop(id)->extent}});
  }
  if (storage_scope.empty() || storage_scope.substr(0, 6) == "global") return out;
  for (; id != kNoSref; id = state.parent(id)) {
    const ir::ForNode* loop = state.loop(id);
    if (loop == nullptr || loop->thread_binding == nullptr) continue;
    if (!RelaxesOver(storage_scope, loop->thread_binding->thread_tag)) continue;
    out.push_back({loop->loop_var, {loop->min, loop->extent}});
  }
  return out;
}

}  // namespace hone::schedule
