#include "server/space/rule/winograd.h"

#include <array>
#include <optional>

#include "common/support/status_macros.h"
#include "server/space/bind_threads.h"
#include "server/space/schedule_rule.h"

namespace hone::winograd {
namespace {

using schedule::BlockRv;
using schedule::LoopRv;
using schedule::LoopRvs;
using schedule::Schedule;
using schedule::Value;

constexpr int64_t kMaxBlocks = 256;
constexpr int64_t kMaxThreads = 1024;

space::ThreadFactor DefaultThreads() { return space::SampledThreadFactor({32, 64, 128, 256, 512, 1024}); }

// Inlines the producers that are constants (they read nothing) and returns the one that is left.
absl::StatusOr<BlockRv> InlineConstantProducers(Schedule& sch, BlockRv block) {
  HONE_ASSIGN_OR_RETURN(const schedule::BlockRvs producers, sch.GetProducers(block));
  std::optional<BlockRv> rest;
  for (BlockRv producer : producers) {
    HONE_ASSIGN_OR_RETURN(const ir::BlockNode* node, sch.Get(producer));
    if (node->reads.empty()) {
      HONE_RETURN_IF_ERROR(sch.ComputeInline(producer));
    } else if (rest.has_value()) {
      return absl::FailedPreconditionError("a winograd block with several producers that are no constants");
    } else {
      rest = producer;
    }
  }
  if (!rest.has_value()) return absl::FailedPreconditionError("a winograd block without a producer");
  return *rest;
}

// Tiles two of the six loops and unrolls the others inside. Returns the tile loops: outer, outer, inner, inner.
absl::StatusOr<std::array<LoopRv, 4>> TileAndUnroll(Schedule& sch, BlockRv block, std::array<int, 2> tiled,
                                                    std::array<int, 4> unrolled) {
  HONE_ASSIGN_OR_RETURN(const LoopRvs loops, sch.GetLoops(block));
  if (loops.size() != 6) return absl::FailedPreconditionError("a winograd transformation without its six loops");
  LoopRvs parts[2];
  for (int t = 0; t < 2; ++t) {
    HONE_ASSIGN_OR_RETURN(const schedule::ExprRvs factors, sch.SamplePerfectTile(loops[tiled[t]], 2, 64));
    const Value split[] = {Value::OfRv(factors[0]), Value::OfRv(factors[1])};
    HONE_ASSIGN_OR_RETURN(parts[t], sch.Split(loops[tiled[t]], split));
  }
  for (int u : unrolled) HONE_RETURN_IF_ERROR(sch.Unroll(loops[u]));
  const std::array<LoopRv, 4> tiles = {parts[0][0], parts[1][0], parts[0][1], parts[1][1]};
  std::vector<LoopRv> order(tiles.begin(), tiles.end());
  for (int u : unrolled) order.push_back(loops[u]);
  HONE_RETURN_IF_ERROR(sch.Reorder(order));
  return tiles;
}

absl::Status ComputeAtSampled(Schedule& sch, BlockRv block) {
  HONE_ASSIGN_OR_RETURN(const LoopRv location, sch.SampleComputeLocation(block));
  return sch.ComputeAt(block, location, /*preserve_unit_loops=*/true);
}

absl::Status FuseOuterAndBind(Schedule& sch, BlockRv block, size_t count) {
  HONE_ASSIGN_OR_RETURN(const LoopRvs loops, sch.GetLoops(block));
  HONE_ASSIGN_OR_RETURN(const LoopRv fused, sch.Fuse(absl::MakeConstSpan(loops.data(), count)));
  return space::BindSpatialLoop(sch, fused, kMaxBlocks, kMaxThreads, DefaultThreads()).status();
}

Schedules Inverse(Schedule sch, BlockRv block, std::array<int, 2> tiled, std::array<int, 4> unrolled) {
  HONE_RETURN_IF_ERROR(InlineConstantProducers(sch, block).status());
  HONE_RETURN_IF_ERROR(TileAndUnroll(sch, block, tiled, unrolled).status());
  return OneSchedule(std::move(sch));
}

}  // namespace

Schedules CpuDataPack(Schedule sch, BlockRv block) {
  HONE_ASSIGN_OR_RETURN(const BlockRv tile, InlineConstantProducers(sch, block));
  HONE_ASSIGN_OR_RETURN(const BlockRv pad, InlineConstantProducers(sch, tile));
  HONE_RETURN_IF_ERROR(TileAndUnroll(sch, block, {2, 3}, {0, 1, 4, 5}).status());
  HONE_RETURN_IF_ERROR(ComputeAtSampled(sch, tile));
  HONE_RETURN_IF_ERROR(ComputeAtSampled(sch, pad));
  return OneSchedule(std::move(sch));
}

Schedules CpuNhwcInverse(Schedule sch, BlockRv block) { return Inverse(std::move(sch), block, {2, 3}, {0, 1, 4, 5}); }
Schedules CpuNchwInverse(Schedule sch, BlockRv block) { return Inverse(std::move(sch), block, {0, 1}, {2, 3, 4, 5}); }

Schedules CudaNhwcDataPack(Schedule sch, BlockRv block) {
  HONE_ASSIGN_OR_RETURN(const BlockRv tile, InlineConstantProducers(sch, block));
  HONE_ASSIGN_OR_RETURN(const BlockRv pad, InlineConstantProducers(sch, tile));
  HONE_ASSIGN_OR_RETURN(const auto tiles, TileAndUnroll(sch, block, {2, 3}, {0, 1, 4, 5}));
  HONE_ASSIGN_OR_RETURN(const BlockRv cache, sch.CacheWrite(block, 0, "local"));
  HONE_RETURN_IF_ERROR(sch.ReverseComputeAt(cache, tiles.back(), /*preserve_unit_loops=*/true));
  HONE_RETURN_IF_ERROR(sch.ComputeAt(tile, tiles.back(), /*preserve_unit_loops=*/true));
  HONE_RETURN_IF_ERROR(sch.SetScope(tile, 0, "local"));
  HONE_RETURN_IF_ERROR(sch.ComputeInline(pad));
  HONE_RETURN_IF_ERROR(FuseOuterAndBind(sch, block, 4));
  return OneSchedule(std::move(sch));
}

Schedules CudaNhwcInverse(Schedule sch, BlockRv block) {
  HONE_RETURN_IF_ERROR(InlineConstantProducers(sch, block).status());
  HONE_RETURN_IF_ERROR(TileAndUnroll(sch, block, {2, 3}, {0, 1, 4, 5}).status());
  HONE_RETURN_IF_ERROR(FuseOuterAndBind(sch, block, 4));
  return OneSchedule(std::move(sch));
}

Schedules CudaNchwDataPack(Schedule sch, BlockRv block) {
  HONE_ASSIGN_OR_RETURN(const BlockRv tile, InlineConstantProducers(sch, block));
  HONE_ASSIGN_OR_RETURN(const BlockRv pad, InlineConstantProducers(sch, tile));
  HONE_ASSIGN_OR_RETURN(const LoopRvs loops, sch.GetLoops(block));
  if (loops.size() != 6) return absl::FailedPreconditionError("a winograd transformation without its six loops");
  const LoopRv order[] = {loops[2], loops[3], loops[0], loops[1], loops[4], loops[5]};
  HONE_RETURN_IF_ERROR(sch.Reorder(order));
  for (int u : {0, 1, 4, 5}) HONE_RETURN_IF_ERROR(sch.Unroll(loops[u]));
  HONE_ASSIGN_OR_RETURN(const LoopRv fused, sch.Fuse(absl::MakeConstSpan(order, 2)));
  HONE_ASSIGN_OR_RETURN(const LoopRvs bound,
                        space::BindSpatialLoop(sch, fused, kMaxBlocks, kMaxThreads, DefaultThreads()));
  const LoopRv outer = bound.back();
  HONE_ASSIGN_OR_RETURN(const BlockRv cache, sch.CacheWrite(block, 0, "local"));
  HONE_RETURN_IF_ERROR(sch.ReverseComputeAt(cache, outer, /*preserve_unit_loops=*/true));
  HONE_RETURN_IF_ERROR(sch.ComputeAt(tile, outer, /*preserve_unit_loops=*/true));
  HONE_RETURN_IF_ERROR(sch.SetScope(tile, 0, "local"));
  HONE_RETURN_IF_ERROR(sch.ComputeInline(pad));
  return OneSchedule(std::move(sch));
}

Schedules CudaNchwInverse(Schedule sch, BlockRv block) {
  HONE_RETURN_IF_ERROR(InlineConstantProducers(sch, block).status());
  HONE_ASSIGN_OR_RETURN(const ir::BlockNode* node, sch.Get(block));
  const int64_t* m =
      node->writes[0]->buffer->shape.size() > 2 ? ir::ConstInt(node->writes[0]->buffer->shape[2]) : nullptr;
  if (m == nullptr) return absl::FailedPreconditionError("a winograd inverse of unknown tile size");
  HONE_ASSIGN_OR_RETURN(const schedule::BlockRvs consumers, sch.GetConsumers(block));
  if (consumers.size() != 1) return absl::FailedPreconditionError("a winograd inverse without its single consumer");
  HONE_ASSIGN_OR_RETURN(const LoopRvs loops, sch.GetLoops(consumers[0]));
  if (loops.size() != 4) return absl::FailedPreconditionError("a winograd output without its four loops");
  const Value factors[] = {Value::None(), Value::Int(*m)};
  HONE_ASSIGN_OR_RETURN(const LoopRvs h, sch.Split(loops[2], factors));
  HONE_ASSIGN_OR_RETURN(const LoopRvs w, sch.Split(loops[3], factors));
  const LoopRv order[] = {h[0], w[0], h[1], w[1]};
  HONE_RETURN_IF_ERROR(sch.Reorder(order));
  HONE_RETURN_IF_ERROR(sch.ComputeAt(block, w[0], /*preserve_unit_loops=*/true));
  HONE_RETURN_IF_ERROR(sch.SetScope(block, 0, "local"));
  HONE_ASSIGN_OR_RETURN(const LoopRvs inner, sch.GetLoops(block));
  if (inner.size() != 10) return absl::FailedPreconditionError("a winograd inverse without its ten loops");
  for (size_t i = 6; i < 10; ++i) HONE_RETURN_IF_ERROR(sch.Unroll(inner[i]));
  return OneSchedule(std::move(sch));
}

}  // namespace hone::winograd
