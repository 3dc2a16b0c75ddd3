#include "worker/builder/bind_naively.h"

#include <vector>

#include "common/ir/visitor.h"
#include "common/schedule/schedule.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::builder {
namespace {

using schedule::BlockRv;
using schedule::LoopRv;
using schedule::LoopRvs;
using schedule::Schedule;
using schedule::Value;

constexpr int64_t kThreads = 128;

// The loops above `block`, those that feed a spatial iter first. A loop that feeds anything else counts as a reduction.
absl::StatusOr<std::vector<LoopRv>> SpatialLoops(Schedule& sch, BlockRv block, const LoopRvs& loops) {
  HONE_ASSIGN_OR_RETURN(const schedule::SrefId sref, sch.SrefOf(block));
  const ir::BlockRealizeNode* realize = sch.state().at(sref).realize;
  std::vector<LoopRv> spatial;
  for (LoopRv rv : loops) {
    HONE_ASSIGN_OR_RETURN(const ir::ForNode* loop, sch.Get(rv));
    bool is_spatial = true;
    for (size_t i = 0; i < realize->iter_values.size(); ++i) {
      const bool uses = ir::UsesVar(realize->iter_values[i], loop->loop_var);
      if (uses && realize->block->iter_vars[i]->iter_type != ir::IterType::kSpatial) is_spatial = false;
    }
    if (is_spatial) spatial.push_back(rv);
  }
  return spatial;
}

absl::Status BindBlock(Schedule& sch, BlockRv block) {
  HONE_ASSIGN_OR_RETURN(LoopRvs loops, sch.GetLoops(block));
  if (loops.empty()) {
    HONE_ASSIGN_OR_RETURN(const LoopRv unit, sch.AddUnitLoop(block));
    return sch.Bind(unit, "threadIdx.x");
  }
  HONE_ASSIGN_OR_RETURN(std::vector<LoopRv> spatial, SpatialLoops(sch, block, loops));
  if (spatial.empty()) {
    HONE_ASSIGN_OR_RETURN(const LoopRv unit, sch.AddUnitLoop(loops[0]));
    return sch.Bind(unit, "threadIdx.x");
  }
  if (spatial.size() < loops.size()) {
    std::vector<LoopRv> order = spatial;
    for (LoopRv loop : loops) {
      bool found = false;
      for (LoopRv s : spatial) found |= s.id == loop.id;
      if (!found) order.push_back(loop);
    }
    HONE_RETURN_IF_ERROR(sch.Reorder(order));
  }
  LoopRv fused = spatial[0];
  if (spatial.size() > 1) {
    HONE_ASSIGN_OR_RETURN(fused, sch.Fuse(spatial));
  }
  HONE_ASSIGN_OR_RETURN(const ir::ForNode* loop, sch.Get(fused));
  const int64_t* extent = ir::ConstInt(loop->extent);
  if (extent == nullptr) return absl::FailedPreconditionError("a loop without a constant extent");
  if (*extent <= kThreads) return sch.Bind(fused, "threadIdx.x");
  const Value factors[] = {Value::None(), Value::Int(kThreads)};
  HONE_ASSIGN_OR_RETURN(const LoopRvs parts, sch.Split(fused, factors));
  HONE_RETURN_IF_ERROR(sch.Bind(parts[0], "blockIdx.x"));
  return sch.Bind(parts[1], "threadIdx.x");
}

}  // namespace

bool HasThreadBinding(const ir::IRModule& module) {
  const ir::ModuleEntry* entry = module.Entry();
  const auto* func = entry != nullptr ? ir::As<ir::PrimFuncNode>(entry->function) : nullptr;
  if (func == nullptr) return false;
  bool found = false;
  ir::PreOrderVisitStmts(func->body, [&](ir::Stmt stmt) {
    const auto* loop = stmt.as<ir::ForNode>();
    found |= loop != nullptr && loop->for_kind == ir::ForKind::kThreadBinding;
    const auto* attr = stmt.as<ir::AttrStmtNode>();
    found |= attr != nullptr && attr->attr_key == "thread_extent";
    return !found;
  });
  return found;
}

absl::StatusOr<ir::IRModule> BindNaively(const ir::IRModule& module) {
  HONE_ASSIGN_OR_RETURN(Schedule sch, Schedule::Create(module));
  HONE_ASSIGN_OR_RETURN(const BlockRv root, sch.GetBlock("root"));
  HONE_ASSIGN_OR_RETURN(const schedule::BlockRvs blocks, sch.GetChildBlocks(root));
  for (BlockRv block : blocks) {
    if (absl::Status status = BindBlock(sch, block); !status.ok()) {
      return absl::FailedPreconditionError(
          StrCat("the unscheduled program cannot be spread over threads: ", ToStd(status.message())));
    }
  }
  return sch.module();
}

}  // namespace hone::builder
