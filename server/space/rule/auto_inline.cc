#include "server/space/rule/auto_inline.h"

#include "common/schedule/analysis.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/space/analysis.h"

namespace hone {

using schedule::ScheduleState;
using schedule::SrefId;

AutoInline::Where AutoInline::Decide(const schedule::Schedule& sch, schedule::BlockRv block, SrefId sref) const {
  const ScheduleState& state = sch.state();
  const ir::BlockNode* node = state.block(sref);
  const SrefId scope = schedule::ScopeRootOf(state, sref);
  if (scope == schedule::kNoSref || node->writes.size() != 1) return Where::kNowhere;
  const schedule::SrefList consumers = schedule::Consumers(state, sref);
  if (config_.inline_const_tensor && node->reads.empty() && !consumers.empty() && space::CanComputeInline(sch, block)) {
    return Where::kConsumer;
  }
  if (!space::IsInSpatialFunction(state, sref)) {
    if (!config_.disallow_op.empty() && space::CallsAnyOf(node, config_.disallow_op)) return Where::kNowhere;
    if (config_.disallow_if_then_else && space::HasBranch(state, sref)) return Where::kNowhere;
    if (config_.require_injective || config_.require_ordered) {
      for (ir::BufferRegion read : node->reads) {
        const space::ReadWritePattern pattern = space::PatternOf(read, node->writes[0]);
        if (!pattern.exists || (config_.require_injective && !pattern.injective) ||
            (config_.require_ordered && !pattern.ordered)) {
          return Where::kNowhere;
        }
      }
    }
  }
  if (space::StringAnnotation(state, sref, "meta_schedule.inline_rule") == "disable") return Where::kNowhere;
  if (config_.into_consumer && !consumers.empty() && space::CanComputeInline(sch, block)) return Where::kConsumer;
  if (config_.into_producer) {
    const schedule::SrefList producers = schedule::Producers(state, sref);
    if (producers.size() == 1 && schedule::CompleteBlockError(state, producers[0], scope) == 0 &&
        !space::HasAnnotation(state, producers[0], "meta_schedule.auto_tensorize") &&
        space::CanReverseComputeInline(sch, block)) {
      return Where::kProducer;
    }
  }
  return Where::kNowhere;
}

absl::StatusOr<std::vector<schedule::Schedule>> AutoInline::Apply(schedule::Schedule sch, schedule::BlockRv block) {
  HONE_ASSIGN_OR_RETURN(const SrefId sref, sch.SrefOf(block));
  switch (Decide(sch, block, sref)) {
    case Where::kNowhere:
      break;
    case Where::kConsumer:
      HONE_RETURN_IF_ERROR(sch.ComputeInline(block));
      break;
    case Where::kProducer:
      HONE_RETURN_IF_ERROR(sch.ReverseComputeInline(block));
      break;
  }
  return OneSchedule(std::move(sch));
}

std::string AutoInline::Signature() const {
  const auto flag = [](bool value) { return value ? "T" : "F"; };
  std::string ops;
  for (const std::string& op : config_.disallow_op) StrAppend(&ops, ops.empty() ? "" : ",", "\"", op, "\"");
  return StrCat(name(), "(into_producer=", flag(config_.into_producer), ", into_consumer=", flag(config_.into_consumer),
                ", inline_const_tensor=", flag(config_.inline_const_tensor),
                ", disallow_if_then_else=", flag(config_.disallow_if_then_else),
                ", require_injective=", flag(config_.require_injective),
                ", require_ordered=", flag(config_.require_ordered), ", disallow_op=[", ops, "])");
}

}  // namespace hone
