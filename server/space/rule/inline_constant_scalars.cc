#include "server/space/rule/inline_constant_scalars.h"

#include "common/schedule/analysis.h"
#include "common/support/status_macros.h"

namespace hone {

absl::StatusOr<std::vector<schedule::Schedule>> InlineConstantScalars::Apply(schedule::Schedule sch,
                                                                             schedule::BlockRv block) {
  HONE_ASSIGN_OR_RETURN(const schedule::SrefId sref, sch.SrefOf(block));
  const ir::BlockNode* node = sch.state().block(sref);
  const schedule::SrefId scope = schedule::ScopeRootOf(sch.state(), sref);
  if (scope != schedule::kNoSref && node->reads.empty() && node->writes.size() == 1 &&
      node->writes[0]->buffer->shape.empty() && !schedule::IsOutputBlock(sch.state(), sref, scope)) {
    HONE_RETURN_IF_ERROR(sch.ComputeInline(block));
  }
  return OneSchedule(std::move(sch));
}

}  // namespace hone
