#include "server/space/postproc/rewrite_cooperative_fetch.h"

#include <algorithm>
#include <vector>

#include "common/ir/visitor.h"
#include "common/support/status_macros.h"
#include "server/space/analysis.h"

namespace hone {
namespace {

using schedule::BlockRv;
using schedule::Instruction;
using schedule::LoopRv;
using schedule::Schedule;
using schedule::Value;

struct Job {
  BlockRv block;
  int64_t thread_x;
  int64_t thread_y;
  int64_t lanes;
};

// Bytes of the widest value that the block's body handles.
int WidestValueBytes(const ir::BlockNode* block) {
  int bytes = 0;
  ir::PreOrderVisitStmts(ir::Stmt(block), [&](ir::Stmt s) {
    if (const auto* store = s.as<ir::BufferStoreNode>())
      bytes = std::max(bytes, store->buffer->dtype.element().bytes());
    return true;
  });
  ir::PostOrderVisitExprs(ir::Stmt(block), [&](ir::Expr e) {
    if (e.kind() == ir::ExprKind::kBufferLoad || e.kind() == ir::ExprKind::kCast) {
      bytes = std::max(bytes, e.dtype().element().bytes());
    }
    if (const auto* call = e.as<ir::CallNode>(); call != nullptr && call->Is(ir::Builtin::q_multiply_shift)) bytes = 8;
  });
  return bytes;
}

absl::Status Spread(Schedule& sch, const Job& job) {
  HONE_RETURN_IF_ERROR(sch.Unannotate(job.block, "meta_schedule.cooperative_fetch"));
  HONE_ASSIGN_OR_RETURN(const schedule::LoopRvs loops, sch.GetLoops(job.block));
  const LoopRv fused = loops.back();
  HONE_ASSIGN_OR_RETURN(const ir::ForNode* loop, sch.Get(fused));
  const int64_t* extent = ir::ConstInt(loop->extent);
  if (extent == nullptr) return absl::OkStatus();
  HONE_ASSIGN_OR_RETURN(const ir::BlockNode* block, sch.Get(job.block));
  const int64_t lanes = *extent % job.lanes != 0 || WidestValueBytes(block) > 4 ? 1 : job.lanes;
  std::vector<Value> factors = {Value::None()};
  if (job.thread_y != -1) factors.push_back(Value::Int(job.thread_y));
  factors.push_back(Value::Int(job.thread_x));
  if (lanes > 1) factors.push_back(Value::Int(lanes));
  HONE_ASSIGN_OR_RETURN(const schedule::LoopRvs parts, sch.Split(fused, factors));
  if (lanes > 1) HONE_RETURN_IF_ERROR(sch.Vectorize(parts.back()));
  const size_t x = parts.size() - 1 - (lanes > 1 ? 1 : 0);
  HONE_RETURN_IF_ERROR(sch.Bind(parts[x], "threadIdx.x"));
  if (job.thread_y != -1) HONE_RETURN_IF_ERROR(sch.Bind(parts[x - 1], "threadIdx.y"));
  return absl::OkStatus();
}

// The extent of the loop that an instruction binds to `axis`; -1 when it does something else.
absl::StatusOr<int64_t> BoundExtent(const Schedule& sch, const Instruction& inst, std::string_view axis) {
  if (space::ThreadAxisBoundBy(inst) != axis) return -1;
  LoopRv loop;
  loop.id = inst.inputs[0].rv().id;
  HONE_ASSIGN_OR_RETURN(const ir::ForNode* node, sch.Get(loop));
  const int64_t* extent = ir::ConstInt(node->extent);
  return extent != nullptr ? *extent : -1;
}

}  // namespace

absl::Status RewriteCooperativeFetch::Initialize(const SpaceContext& context) {
  thread_warp_size_ = context.target.GetInt("thread_warp_size").value_or(-1);
  return absl::OkStatus();
}

absl::StatusOr<bool> RewriteCooperativeFetch::Apply(Schedule& sch) const {
  int64_t thread_x = -1;
  int64_t thread_y = -1;
  std::vector<Job> jobs;
  for (const Instruction& inst : sch.trace().instructions()) {
    HONE_ASSIGN_OR_RETURN(const int64_t x, BoundExtent(sch, inst, "threadIdx.x"));
    if (x != -1) thread_x = x;
    HONE_ASSIGN_OR_RETURN(const int64_t y, BoundExtent(sch, inst, "threadIdx.y"));
    if (y != -1) thread_y = y;
    if (inst.row->name != "Annotate") continue;
    if (inst.attrs[0].text() == "warp_execution") thread_x = thread_warp_size_;
    if (inst.attrs[0].text() == "meta_schedule.cooperative_fetch") {
      HONE_ASSIGN_OR_RETURN(const int64_t lanes, sch.Evaluate(inst.inputs[1]));
      BlockRv block;
      block.id = inst.inputs[0].rv().id;
      jobs.push_back({block, thread_x, thread_y, lanes});
    }
  }
  for (const Job& job : jobs) HONE_RETURN_IF_ERROR(Spread(sch, job));
  return true;
}

}  // namespace hone
