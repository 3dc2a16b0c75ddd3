#include "server/space/postproc/rewrite_reduction_block.h"

#include <string>
#include <vector>

#include "common/ir/visitor.h"
#include "common/schedule/analysis.h"
#include "common/support/status_macros.h"
#include "server/space/analysis.h"

namespace hone {
namespace {

using schedule::BlockRv;
using schedule::Schedule;
using schedule::ScheduleState;
using schedule::SrefId;
using schedule::Value;

constexpr std::string_view kTensorize = "meta_schedule.auto_tensorize";
constexpr std::string_view kTensorizeInit = "meta_schedule.auto_tensorize_init";

// A reduce iter is bound to a thread loop above.
bool ReducesOverThreads(const ScheduleState& state, SrefId id) {
  std::vector<const ir::VarNode*> thread_vars;
  for (SrefId up = state.parent(id); up != schedule::kNoSref; up = state.parent(up)) {
    const ir::ForNode* loop = state.loop(up);
    if (loop == nullptr || loop->thread_binding == nullptr) continue;
    const std::string_view tag = loop->thread_binding->thread_tag;
    if (tag.starts_with("threadIdx") || tag.starts_with("blockIdx")) thread_vars.push_back(loop->loop_var.get());
  }
  if (thread_vars.empty()) return false;
  const ir::BlockNode* block = state.block(id);
  for (size_t i = 0; i < block->iter_vars.size(); ++i) {
    if (block->iter_vars[i]->iter_type != ir::IterType::kReduce) continue;
    const bool uses = ir::UsesVar(state.at(id).realize->iter_values[i], [&](ir::Var v) {
      for (const ir::VarNode* thread : thread_vars) {
        if (thread == v.get()) return true;
      }
      return false;
    });
    if (uses) return true;
  }
  return false;
}

// Index of the outermost loop that is not data-parallel; -1 when there is none.
int DecomposePoint(const ScheduleState& state, SrefId block) {
  const schedule::SrefList loops = schedule::LoopsAbove(state, block);
  for (size_t i = 0; i < loops.size(); ++i) {
    if (schedule::LoopIterType(state, loops[i]) != ir::IterType::kSpatial) return static_cast<int>(i);
  }
  return -1;
}

absl::Status Decompose(Schedule& sch, SrefId sref, std::string_view function, int point) {
  const std::string tensorize(space::StringAnnotation(sch.state(), sref, kTensorize));
  const bool tensorized = space::HasAnnotation(sch.state(), sref, kTensorize);
  const std::string tensorize_init(space::StringAnnotation(sch.state(), sref, kTensorizeInit));
  const bool has_init = space::HasAnnotation(sch.state(), sref, kTensorizeInit);
  HONE_ASSIGN_OR_RETURN(const BlockRv block, sch.GetBlock(sch.state().block(sref)->name, function));
  HONE_ASSIGN_OR_RETURN(const schedule::LoopRvs loops, sch.GetLoops(block));
  HONE_ASSIGN_OR_RETURN(const BlockRv init, sch.DecomposeReduction(block, loops[point]));
  if (!tensorized) return absl::OkStatus();
  // The mark tells RewriteTensorize what to do with the init, so it is set even when that is nothing.
  HONE_RETURN_IF_ERROR(sch.Unannotate(init, kTensorize));
  HONE_RETURN_IF_ERROR(sch.Annotate(init, kTensorize, Value::String(tensorize_init)));
  if (!has_init) return absl::OkStatus();
  HONE_RETURN_IF_ERROR(sch.Unannotate(block, kTensorizeInit));
  return sch.Unannotate(init, kTensorizeInit);
}

void CollectReductions(const ScheduleState& state, SrefId id, std::vector<SrefId>& out) {
  for (SrefId child = state.at(id).first_child; child != schedule::kNoSref; child = state.at(child).next_sibling) {
    CollectReductions(state, child, out);
  }
  const ir::BlockNode* block = state.block(id);
  if (block != nullptr && block->init && !ReducesOverThreads(state, id)) out.push_back(id);
}

}  // namespace

absl::StatusOr<bool> RewriteReductionBlock::Apply(Schedule& sch) const {
  for (;;) {
    int rewritten = 0;
    for (std::string_view function : sch.state().FunctionNames()) {
      std::vector<SrefId> reductions;
      CollectReductions(sch.state(), sch.state().RootOf(function), reductions);
      for (SrefId reduction : reductions) {
        const int point = DecomposePoint(sch.state(), reduction);
        if (point == -1) continue;
        HONE_RETURN_IF_ERROR(Decompose(sch, reduction, function, point));
        ++rewritten;
      }
    }
    if (rewritten == 0) return true;
  }
}

}  // namespace hone
