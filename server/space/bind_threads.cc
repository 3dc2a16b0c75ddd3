#include "server/space/bind_threads.h"

#include <algorithm>

#include "common/schedule/analysis.h"
#include "common/support/status_macros.h"
#include "server/space/analysis.h"

namespace hone::space {

using schedule::LoopRv;
using schedule::LoopRvs;
using schedule::Schedule;
using schedule::SrefId;
using schedule::Value;

ThreadFactor SampledThreadFactor(std::vector<int64_t> candidates) {
  return [candidates = std::move(candidates)](Schedule& sch, int64_t limit) -> absl::StatusOr<Value> {
    std::vector<int64_t> allowed;
    for (int64_t c : candidates) {
      if (c <= limit) allowed.push_back(c);
    }
    if (allowed.empty()) return Value::Int(limit);
    if (allowed.size() == 1) return Value::Int(allowed[0]);
    const std::vector<double> probs(allowed.size(), 1.0 / static_cast<double>(allowed.size()));
    HONE_ASSIGN_OR_RETURN(const schedule::ExprRv rv, sch.SampleCategorical(allowed, probs));
    return Value::OfRv(rv);
  };
}

ThreadFactor ConstantThreadFactor() {
  return [](Schedule&, int64_t limit) -> absl::StatusOr<Value> { return Value::Int(limit); };
}

absl::StatusOr<LoopRvs> BindSpatialLoop(Schedule& sch, LoopRv loop, int64_t max_threadblocks,
                                        int64_t max_threads_per_block, const ThreadFactor& factor) {
  HONE_ASSIGN_OR_RETURN(const ir::ForNode* node, sch.Get(loop));
  const int64_t extent = ConstExtentOr(node, INT64_MAX);
  if (extent <= max_threadblocks * max_threads_per_block) {
    HONE_ASSIGN_OR_RETURN(const Value threads, factor(sch, std::min(extent, max_threads_per_block)));
    const Value factors[] = {Value::None(), threads};
    HONE_ASSIGN_OR_RETURN(const LoopRvs parts, sch.Split(loop, factors));
    HONE_RETURN_IF_ERROR(sch.Bind(parts[0], "blockIdx.x"));
    HONE_RETURN_IF_ERROR(sch.Bind(parts[1], "threadIdx.x"));
    return parts;
  }
  const Value factors[] = {Value::None(), Value::Int(max_threadblocks), Value::Int(max_threads_per_block)};
  HONE_ASSIGN_OR_RETURN(const LoopRvs parts, sch.Split(loop, factors));
  const LoopRv order[] = {parts[1], parts[2], parts[0]};
  HONE_RETURN_IF_ERROR(sch.Reorder(order));
  HONE_RETURN_IF_ERROR(sch.Bind(parts[1], "blockIdx.x"));
  HONE_RETURN_IF_ERROR(sch.Bind(parts[2], "threadIdx.x"));
  return LoopRvs{parts[1], parts[2], parts[0]};
}

absl::Status BindBlockThreadIdx(Schedule& sch, schedule::BlockRv block, int64_t max_threadblocks,
                                int64_t max_threads_per_block, const ThreadFactor& factor) {
  HONE_ASSIGN_OR_RETURN(const SrefId sref, sch.SrefOf(block));
  if (IsRootBlock(sch.state(), sref) || IsTiled(sch.state(), sref)) return absl::OkStatus();
  // The scan leaves no instruction: only blocks that are changed have their loops looked up in the trace.
  const schedule::SrefList srefs = schedule::LoopsAbove(sch.state(), sref);
  int block_idx = -1;
  int thread_idx = -1;
  int multi = -1;
  int spatial = -1;
  for (int i = 0; i < static_cast<int>(srefs.size()); ++i) {
    const ir::ForNode* loop = sch.state().loop(srefs[i]);
    if (loop->thread_binding != nullptr) {
      if (block_idx == -1 && loop->thread_binding->thread_tag.starts_with("blockIdx")) block_idx = i;
      if (thread_idx == -1 && loop->thread_binding->thread_tag.starts_with("threadIdx")) thread_idx = i;
    }
    if (multi == -1 && loop->for_kind != ir::ForKind::kSerial) multi = i;
    if (multi == -1 && !IsSingleStatement(loop->body)) multi = i + 1;
    if (spatial == i - 1 && schedule::LoopIterType(sch.state(), srefs[i]) == ir::IterType::kSpatial) spatial = i;
  }
  if (multi == -1) multi = static_cast<int>(srefs.size());
  if (block_idx != -1 && thread_idx != -1) return absl::OkStatus();
  if (block_idx != -1) return absl::FailedPreconditionError("a block is bound to blockIdx but not to threadIdx");
  HONE_ASSIGN_OR_RETURN(LoopRvs loops, sch.GetLoops(block));
  if (spatial == -1) {
    LoopRv unit;
    if (loops.empty()) {
      HONE_ASSIGN_OR_RETURN(unit, sch.AddUnitLoop(block));
    } else {
      HONE_ASSIGN_OR_RETURN(unit, sch.AddUnitLoop(loops[0]));
    }
    loops.insert(loops.begin(), unit);
    spatial = 0;
    if (thread_idx != -1) ++thread_idx;
    ++multi;
  }
  if (thread_idx != -1) {
    const int count = std::min({multi, thread_idx, spatial + 1});
    HONE_ASSIGN_OR_RETURN(loops, sch.GetLoops(block));  // Once more, as in the peer's traces.
    HONE_ASSIGN_OR_RETURN(const LoopRv fused, sch.Fuse(absl::MakeConstSpan(loops.data(), count)));
    return sch.Bind(fused, "blockIdx.x");
  }
  const int count = std::min(multi, spatial + 1);
  HONE_ASSIGN_OR_RETURN(const LoopRv fused, sch.Fuse(absl::MakeConstSpan(loops.data(), count)));
  return BindSpatialLoop(sch, fused, max_threadblocks, max_threads_per_block, factor).status();
}

}  // namespace hone::space
