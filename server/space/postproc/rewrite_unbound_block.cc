#include "server/space/postproc/rewrite_unbound_block.h"

#include <vector>

#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/space/bind_threads.h"
#include "server/space/cores.h"

namespace hone {
namespace {

using schedule::ScheduleState;
using schedule::SrefId;

void Collect(const ScheduleState& state, SrefId id, bool in_block_idx, bool in_thread_idx, std::vector<SrefId>& out) {
  for (SrefId child = state.at(id).first_child; child != schedule::kNoSref; child = state.at(child).next_sibling) {
    const ir::ForNode* loop = state.loop(child);
    if (loop == nullptr) {
      if (!in_block_idx || !in_thread_idx) {
        out.push_back(child);
      } else {
        Collect(state, child, in_block_idx, in_thread_idx, out);
      }
      continue;
    }
    const std::string_view tag = loop->thread_binding != nullptr ? loop->thread_binding->thread_tag : "";
    Collect(state, child, in_block_idx || tag.starts_with("blockIdx"), in_thread_idx || tag.starts_with("threadIdx"),
            out);
  }
}

}  // namespace

absl::Status RewriteUnboundBlock::Initialize(const SpaceContext& context) {
  HONE_ASSIGN_OR_RETURN(max_threads_per_block_, space::RequiredInt(context.target, "max_threads_per_block", name()));
  return absl::OkStatus();
}

absl::StatusOr<bool> RewriteUnboundBlock::Apply(schedule::Schedule& sch) const {
  for (std::string_view function : sch.state().FunctionNames()) {
    std::vector<SrefId> unbound;
    Collect(sch.state(), sch.state().RootOf(function), false, false, unbound);
    for (SrefId sref : unbound) {
      HONE_ASSIGN_OR_RETURN(const schedule::BlockRv block, sch.GetBlock(sch.state().block(sref)->name, function));
      HONE_RETURN_IF_ERROR(space::BindBlockThreadIdx(sch, block, max_threadblocks_, max_threads_per_block_,
                                                     space::ConstantThreadFactor()));
    }
  }
  return true;
}

std::string RewriteUnboundBlock::Signature() const { return StrCat(name(), "(", max_threadblocks_, ")"); }

}  // namespace hone
