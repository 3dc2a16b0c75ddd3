#include "server/space/postproc/disallow_dynamic_loop.h"

#include "common/schedule/state.h"

namespace hone {
namespace {

bool HasDynamicLoop(const schedule::ScheduleState& state, schedule::SrefId id) {
  const ir::ForNode* loop = state.loop(id);
  if (loop != nullptr && ir::ConstInt(loop->extent) == nullptr) return true;
  for (schedule::SrefId child = state.at(id).first_child; child != schedule::kNoSref;
       child = state.at(child).next_sibling) {
    if (HasDynamicLoop(state, child)) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<bool> DisallowDynamicLoop::Apply(schedule::Schedule& sch) const {
  for (std::string_view function : sch.state().FunctionNames()) {
    if (HasDynamicLoop(sch.state(), sch.state().RootOf(function))) return false;
  }
  return true;
}

}  // namespace hone
