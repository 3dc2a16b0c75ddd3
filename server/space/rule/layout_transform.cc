#include "server/space/rule/layout_transform.h"

#include "common/ir/visitor.h"
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
using schedule::Value;

constexpr int64_t kWarpSize = 32;

absl::Status CheckAnnotations(const Schedule& sch, BlockRv block) {
  HONE_ASSIGN_OR_RETURN(const schedule::SrefId sref, sch.SrefOf(block));
  for (const char* key : {"src_layout", "dst_layout", "input_shape"}) {
    if (!space::HasAnnotation(sch.state(), sref, key)) {
      return absl::FailedPreconditionError(
          StrCat("rule layout_transform: block \"", sch.state().block(sref)->name, "\" lacks the annotation ", key));
    }
  }
  return absl::OkStatus();
}

// Merges what only reads the block's result into the block, as far as that goes.
absl::Status InlineConsumers(Schedule& sch, BlockRv block) {
  while (true) {
    HONE_ASSIGN_OR_RETURN(const schedule::BlockRvs consumers, sch.GetConsumers(block));
    if (consumers.size() != 1) return absl::OkStatus();
    if (!sch.ReverseComputeInline(consumers[0]).ok()) return absl::OkStatus();
  }
}

// The iter that the innermost dimension of the block's input runs along; the last one when none is alone in it.
absl::StatusOr<size_t> InputIter(const Schedule& sch, BlockRv block) {
  HONE_ASSIGN_OR_RETURN(const ir::BlockNode* node, sch.Get(block));
  if (node->reads.empty() || node->reads[0]->region.size() == 0) {
    return absl::FailedPreconditionError("rule layout_transform: the block reads nothing");
  }
  const ir::Expr last = node->reads[0]->region[node->reads[0]->region.size() - 1].min;
  for (size_t i = 0; i < node->iter_vars.size(); ++i) {
    const ir::Var var = node->iter_vars[i]->var;
    if (ir::UsesVar(last, [&](ir::Var v) { return v == var; })) return i;
  }
  return node->iter_vars.size() - 1;
}

absl::Status Tile(Schedule& sch, BlockRv block, int64_t size) {
  HONE_RETURN_IF_ERROR(InlineConsumers(sch, block));
  HONE_ASSIGN_OR_RETURN(const size_t input, InputIter(sch, block));
  HONE_ASSIGN_OR_RETURN(const BlockRv cache, sch.CacheRead(block, 0, "shared"));
  HONE_ASSIGN_OR_RETURN(const LoopRvs loops, sch.GetLoops(block));
  if (input >= loops.size()) return absl::FailedPreconditionError("rule layout_transform: not one loop a dimension");
  const size_t output = loops.size() - 1;
  std::vector<LoopRv> outer;
  std::vector<LoopRv> inner;
  for (size_t i = 0; i < loops.size(); ++i) {
    if (i != input && i != output) {
      outer.push_back(loops[i]);
      continue;
    }
    const Value factors[] = {Value::None(), Value::Int(size)};
    HONE_ASSIGN_OR_RETURN(const LoopRvs parts, sch.Split(loops[i], factors));
    outer.push_back(parts[0]);
    inner.push_back(parts[1]);
  }
  std::vector<LoopRv> order = outer;
  order.insert(order.end(), inner.begin(), inner.end());
  HONE_RETURN_IF_ERROR(sch.Reorder(order));
  HONE_ASSIGN_OR_RETURN(const LoopRv blocks, sch.Fuse(outer));
  HONE_RETURN_IF_ERROR(sch.Bind(blocks, "blockIdx.x"));
  HONE_RETURN_IF_ERROR(sch.ComputeAt(cache, blocks, /*preserve_unit_loops=*/true));
  HONE_ASSIGN_OR_RETURN(const LoopRv threads, sch.Fuse(inner));
  HONE_RETURN_IF_ERROR(sch.Bind(threads, "threadIdx.x"));
  // The same threads fill the tile, along the input's innermost dimension.
  HONE_ASSIGN_OR_RETURN(const LoopRvs fill, sch.GetLoops(cache));
  HONE_ASSIGN_OR_RETURN(const LoopRv all, sch.Fuse(absl::MakeConstSpan(fill.data() + 1, fill.size() - 1)));
  const int64_t lanes = inner.size() == 2 ? size * size : size;
  const Value factors[] = {Value::None(), Value::Int(lanes)};
  HONE_ASSIGN_OR_RETURN(const LoopRvs parts, sch.Split(all, factors));
  return sch.Bind(parts[1], "threadIdx.x");
}

}  // namespace

absl::StatusOr<std::vector<Schedule>> CudaLayoutTransform(Schedule sch, BlockRv block) {
  HONE_RETURN_IF_ERROR(CheckAnnotations(sch, block));
  std::vector<Schedule> tiled;
  for (int64_t size = 2; size <= kWarpSize; ++size) {
    Schedule copy = sch.Copy();
    if (Tile(copy, block, size).ok()) tiled.push_back(std::move(copy));
  }
  std::vector<Schedule> out;
  out.push_back(std::move(sch));
  for (Schedule& s : tiled) out.push_back(std::move(s));
  return out;
}

}  // namespace hone
