#include "server/space/rule/cross_thread_reduction.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_join.h"
#include "common/schedule/analysis.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/space/analysis.h"

namespace hone {
namespace {

using schedule::BlockRv;
using schedule::LoopRv;
using schedule::LoopRvs;
using schedule::Schedule;
using schedule::SrefId;
using schedule::Value;

struct FusionTarget {
  BlockRv block;
  LoopRv loop;
  LoopRv innermost;
};

// Where the block can be computed inside of its first consumer.
absl::StatusOr<std::optional<FusionTarget>> FindFusionTarget(Schedule& sch, BlockRv block, bool tuples) {
  HONE_ASSIGN_OR_RETURN(const ir::BlockNode* node, sch.Get(block));
  if (node->writes.size() != 1 && !tuples) return std::nullopt;
  HONE_ASSIGN_OR_RETURN(const schedule::BlockRvs consumers, sch.GetConsumers(block));
  if (consumers.empty()) return std::nullopt;
  std::vector<SrefId> consumer_srefs;
  for (BlockRv consumer : consumers) {
    HONE_ASSIGN_OR_RETURN(const SrefId sref, sch.SrefOf(consumer));
    consumer_srefs.push_back(sref);
  }
  if (space::NeedsMultiLevelTiling(sch.state(), consumer_srefs[0])) return std::nullopt;
  const SrefId lca = schedule::LowestCommonAncestor(sch.state(), consumer_srefs);
  if (consumers.size() > 1 && sch.state().block(lca) != nullptr) return std::nullopt;
  HONE_ASSIGN_OR_RETURN(const LoopRvs target_loops, sch.GetLoops(consumers[0]));
  HONE_ASSIGN_OR_RETURN(const LoopRvs block_loops, sch.GetLoops(block));
  const int n = static_cast<int>(std::min(target_loops.size(), block_loops.size()));
  int position = n - 1;
  for (int i = 0; i < n; ++i) {
    HONE_ASSIGN_OR_RETURN(const SrefId own, sch.SrefOf(block_loops[i]));
    HONE_ASSIGN_OR_RETURN(const SrefId theirs, sch.SrefOf(target_loops[i]));
    if (schedule::LoopIterType(sch.state(), own) != ir::IterType::kSpatial) {
      position = i - 1;
      break;
    }
    if (theirs == lca) {
      position = i;
      break;
    }
  }
  if (position < 0) return std::nullopt;
  return FusionTarget{consumers[0], target_loops[position], target_loops.back()};
}

// Asks for the loops through the schedule, as the peer does: the instruction is part of the space's trace.
absl::StatusOr<bool> IsUnderThreadIdx(Schedule& sch, BlockRv block) {
  HONE_ASSIGN_OR_RETURN(const LoopRvs loops, sch.GetLoops(block));
  for (LoopRv rv : loops) {
    HONE_ASSIGN_OR_RETURN(const ir::ForNode* loop, sch.Get(rv));
    if (loop->thread_binding != nullptr && loop->thread_binding->thread_tag.starts_with("threadIdx")) return true;
  }
  return false;
}

// The factor of the split that made the first loop that the trace binds to threadIdx.x.
std::optional<Value> ThreadExtentFromTrace(const schedule::Trace& trace) {
  for (const schedule::Instruction& bind : trace.instructions()) {
    if (space::ThreadAxisBoundBy(bind) != "threadIdx.x") continue;
    for (const schedule::Instruction& split : trace.instructions()) {
      if (split.row->name != "Split") continue;
      for (size_t i = 0; i < split.outputs.size(); ++i) {
        if (split.outputs[i] == bind.inputs[0].rv()) return split.inputs[1 + i];
      }
    }
    return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

absl::Status CrossThreadReduction::Initialize(const SpaceContext& context) {
  const auto threads = context.target.GetInt("max_threads_per_block");
  const auto warp = context.target.GetInt("thread_warp_size");
  max_threads_per_block_ = threads.has_value() && warp.has_value() ? *threads : -1;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Schedule>> CrossThreadReduction::Apply(Schedule sch, BlockRv block) {
  HONE_ASSIGN_OR_RETURN(const SrefId sref, sch.SrefOf(block));
  if (max_threads_per_block_ == -1 ||
      !space::NeedsRFactorOrCrossThreadReduction(sch.state(), sref, max_threads_per_block_)) {
    return OneSchedule(std::move(sch));
  }
  Schedule bound = sch.Copy();
  HONE_RETURN_IF_ERROR(bound.Seed(sch.ForkSeed()));
  HONE_ASSIGN_OR_RETURN(std::optional<FusionTarget> target, FindFusionTarget(bound, block, fuse_tuples_));
  const std::vector<double> probs(thread_extents_.size(), 1.0 / static_cast<double>(thread_extents_.size()));
  HONE_ASSIGN_OR_RETURN(const schedule::ExprRv sampled, bound.SampleCategorical(thread_extents_, probs));
  Value extent = Value::OfRv(sampled);
  if (target.has_value()) {
    HONE_ASSIGN_OR_RETURN(const bool in_threads, IsUnderThreadIdx(bound, target->block));
    if (!in_threads) {
      const Value factors[] = {Value::None(), extent};
      HONE_ASSIGN_OR_RETURN(const LoopRvs parts, bound.Split(target->innermost, factors));
      HONE_RETURN_IF_ERROR(bound.Bind(parts[1], "threadIdx.x"));
      if (target->innermost == target->loop) target->loop = parts[0];
    } else if (const auto from_trace = ThreadExtentFromTrace(bound.trace())) {
      extent = *from_trace;
    } else {
      return absl::FailedPreconditionError("the consumer is bound to threads, but not by a split of the trace");
    }
    HONE_RETURN_IF_ERROR(bound.ComputeAt(block, target->loop, /*preserve_unit_loops=*/true));
    HONE_ASSIGN_OR_RETURN(const ir::BlockNode* node, bound.Get(block));
    for (int i = 0; i < static_cast<int>(node->writes.size()); ++i) {
      HONE_RETURN_IF_ERROR(bound.SetScope(block, i, "shared"));
    }
  }
  HONE_ASSIGN_OR_RETURN(const space::FusedReduction reduction, space::ReorderAndFuseReductionLoops(bound, block));
  const Value factors[] = {Value::None(), extent};
  HONE_ASSIGN_OR_RETURN(const LoopRvs parts, bound.Split(reduction.fused, factors));
  HONE_RETURN_IF_ERROR(bound.Bind(parts[1], "threadIdx.x"));
  std::vector<Schedule> out;
  out.push_back(std::move(bound));
  out.push_back(std::move(sch));
  return out;
}

std::string CrossThreadReduction::Signature() const {
  return StrCat(name(), "([", absl::StrJoin(thread_extents_, ","), "])");
}

}  // namespace hone
