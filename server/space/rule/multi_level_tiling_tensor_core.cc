#include "server/space/rule/multi_level_tiling_tensor_core.h"

#include <algorithm>

#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/support/log.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/space/analysis.h"
#include "server/space/tensorize_match.h"

namespace hone {

using schedule::BlockRv;
using schedule::BufferSide;
using schedule::LoopRv;
using schedule::LoopRvs;
using schedule::Schedule;
using schedule::SrefId;
using schedule::Value;

namespace {

constexpr std::string_view kTensorize = "meta_schedule.auto_tensorize";

absl::Status AnnotateInts(Schedule& sch, LoopRv loop, std::string_view key, std::initializer_list<int64_t> numbers) {
  std::vector<Value> values;
  for (int64_t n : numbers) values.push_back(Value::Int(n));
  return sch.Annotate(loop, key, Value::List(ir::Array<Value>(values.data(), values.size())));
}

// Splits the innermost loops by the intrinsic's, makes them a block and marks it; null when the block does not fit.
absl::StatusOr<std::optional<BlockRv>> TileAndMark(Schedule& sch, BlockRv block, std::string_view intrin,
                                                   schedule::TensorIntrinTable intrinsics,
                                                   std::string_view permuted_layout = {}) {
  HONE_ASSIGN_OR_RETURN(const std::optional<LoopRv> loop, space::TileWithTensorIntrin(sch, block, intrinsics(intrin)));
  if (!loop.has_value()) return std::nullopt;
  HONE_ASSIGN_OR_RETURN(const BlockRv outer, sch.Blockize(*loop));
  HONE_RETURN_IF_ERROR(sch.Annotate(outer, kTensorize, Value::String(intrin)));
  if (!permuted_layout.empty()) {
    HONE_RETURN_IF_ERROR(sch.Annotate(outer, "permuted_layout", Value::String(permuted_layout)));
  }
  return outer;
}

// The iters that index a region of single points, by number; nullopt when an index is no iter.
std::optional<std::vector<size_t>> ItersOf(const ir::BlockNode* block, ir::BufferRegion region) {
  std::vector<size_t> out;
  for (const ir::Range& range : region->region) {
    size_t at = 0;
    while (at < block->iter_vars.size() && !(ir::Expr(block->iter_vars[at]->var) == range.min)) ++at;
    if (at == block->iter_vars.size() || !ir::IsOne(range.extent)) return std::nullopt;
    out.push_back(at);
  }
  return out;
}

// A primitive that does not fit the program; other errors are defects of this rule.
// An index map whose image does not begin at 0 is an invalid argument of the primitive, but follows from the workload.
bool IsRefusal(const absl::Status& status) {
  return absl::IsFailedPrecondition(status) || absl::IsInvalidArgument(status);
}

// The variable that stands for a sampled number in an index map.
ir::Var VarOf(schedule::ExprRv rv) { return ir::MakeVar(ir::CopyString(StrCat("v", rv.id)), ir::kInt32); }

}  // namespace

absl::Status MultiLevelTilingTensorCore::Initialize(const SpaceContext& context) {
  HONE_RETURN_IF_ERROR(MultiLevelTiling::Initialize(context));
  if (!async_stages_.empty()) async_stages_ = extras_.async_stages;
  for (const std::string& axis : config_.tile_binds) {
    if (axis == "threadIdx.x") {
      return absl::InvalidArgumentError("MultiLevelTilingTensorCore: tile_binds has threadIdx.x, which is the lanes'");
    }
  }
  for (const TensorCoreGroup& group : groups_) {
    if (!group.is_mma() && (config_.reuse_write.requirement != ReuseConfig::Requirement::kMust ||
                            !config_.reuse_write.scope.starts_with("shared"))) {
      return absl::InvalidArgumentError(
          StrCat("MultiLevelTilingTensorCore: \"", group.compute, "\" needs reuse_write \"must\" in shared memory"));
    }
    for (const std::string* name : {&group.init, &group.load_a, &group.load_b, &group.compute, &group.store}) {
      if (intrinsics_ == nullptr || intrinsics_(*name).description == nullptr) {
        return absl::FailedPreconditionError(StrCat("there is no tensor intrinsic \"", *name, "\""));
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Schedule>> MultiLevelTilingTensorCore::Apply(Schedule sch, BlockRv block) {
  HONE_ASSIGN_OR_RETURN(const SrefId sref, sch.SrefOf(block));
  if (!space::NeedsMultiLevelTiling(sch.state(), sref)) return OneSchedule(std::move(sch));
  std::vector<Schedule> out;
  for (size_t i = groups_.size(); i-- > 0;) {
    const space::IntrinDescription compute = space::ReadDescription(intrinsics_(groups_[i].compute).description);
    if (compute.realize == nullptr || !space::FindAutoTensorizeMapping(sch.state(), sref, compute)) continue;
    if (extras_.match_layout && !FitsLayout(sch, sref, groups_[i])) continue;
    Schedule copy = sch.Copy();
    HONE_RETURN_IF_ERROR(copy.Annotate(block, "meta_schedule.tiling_structure", Value::String(config_.structure)));
    absl::StatusOr<States> states = ApplyGroup(State{std::move(copy), block, {}, {}, {}, {}}, groups_[i]);
    if (IsRefusal(states.status())) {
      // The other groups and the plain rules still make spaces of the block.
      HONE_LOG(kWarning) << "block \"" << sch.state().block(sref)->name << "\" gets no space with "
                         << groups_[i].compute << ": " << ToStd(states.status().message());
      continue;
    }
    if (!states.ok()) return states.status();
    for (State& state : *states) out.push_back(std::move(state.sch));
  }
  if (out.empty()) return OneSchedule(std::move(sch));
  return out;
}

// B is kept as it is by groups that load it in rows, whose last index is spatial.
bool MultiLevelTilingTensorCore::FitsLayout(const Schedule& sch, SrefId block, const TensorCoreGroup& group) const {
  const ir::BlockNode* node = sch.state().block(block);
  if (node->reads.size() != 2 || node->reads[1]->region.empty()) return true;
  const ir::Expr last = node->reads[1]->region[node->reads[1]->region.size() - 1].min;
  bool reduces = false;
  for (const ir::IterVar iter : node->iter_vars) {
    reduces = reduces || (iter->iter_type == ir::IterType::kReduce && ir::UsesVar(last, iter->var));
  }
  return reduces == (group.load_b.find("_trans") != std::string::npos);
}

absl::StatusOr<MultiLevelTiling::States> MultiLevelTilingTensorCore::ApplyGroup(State state,
                                                                                const TensorCoreGroup& group) {
  Job job{&group, {}};
  HONE_ASSIGN_OR_RETURN(const bool transformed, Transform(state, job));
  if (!transformed) return States();
  HONE_ASSIGN_OR_RETURN(const bool tiled, Tile(state, job));
  if (!tiled) return States();
  if (!group.is_mma()) HONE_RETURN_IF_ERROR(TransformOutputLayout(state, job));
  HONE_ASSIGN_OR_RETURN(States states, AddWriteReuse(std::move(state)));
  for (State& s : states) HONE_RETURN_IF_ERROR(AddTensorizedStore(s, job));
  HONE_ASSIGN_OR_RETURN(states, ForEach(std::move(states), [&](State s) { return AddSharedReads(std::move(s), job); }));
  States out;
  for (State& s : states) {
    HONE_ASSIGN_OR_RETURN(const bool loaded, AddTensorizedLoads(s, job));
    if (!loaded) continue;
    HONE_RETURN_IF_ERROR(AddSoftwarePipeline(s, job));
    if (group.is_mma() || extras_.async_stages.empty()) {
      out.push_back(std::move(s));
      continue;
    }
    HONE_ASSIGN_OR_RETURN(States pipelined, AddAsyncPipeline(std::move(s)));
    // The first is the one without copies ahead.
    for (size_t i = pipelined.size() > 1 ? 1 : 0; i < pipelined.size(); ++i) out.push_back(std::move(pipelined[i]));
  }
  return out;
}

absl::StatusOr<bool> MultiLevelTilingTensorCore::Transform(State& state, Job& job) {
  Schedule& sch = state.sch;
  const ir::ArenaScope scope(sch.state().arena());
  HONE_ASSIGN_OR_RETURN(const SrefId sref, sch.SrefOf(state.block));
  const space::IntrinDescription compute = space::ReadDescription(intrinsics_(job.group->compute).description);
  const auto mapping = space::FindAutoTensorizeMapping(sch.state(), sref, compute);
  const ir::BlockNode* before = sch.state().block(sref);
  if (!mapping.has_value() || before->reads.size() != 2 || before->writes.size() != 1) return false;

  HONE_ASSIGN_OR_RETURN(job.reindex_store, sch.ReIndex(state.block, 0, BufferSide::kWrite));
  HONE_ASSIGN_OR_RETURN(const BlockRv reindex_a, sch.ReIndex(state.block, 0, BufferSide::kRead));
  HONE_ASSIGN_OR_RETURN(const BlockRv reindex_b, sch.ReIndex(state.block, 1, BufferSide::kRead));

  // The layouts of the three reindexed buffers follow the fused iters; so do the blocks that fill and drain them.
  struct Access {
    int index;
    BufferSide side;
    const ir::IndexMapNode* map = nullptr;
  };
  Access accesses[] = {{0, BufferSide::kRead}, {1, BufferSide::kRead}, {0, BufferSide::kWrite}};
  const ir::Buffer buffers[] = {before->reads[0]->buffer, before->reads[1]->buffer, before->writes[0]->buffer};
  for (size_t i = 0; i < 3; ++i) {
    Access& access = accesses[i];
    HONE_ASSIGN_OR_RETURN(const ir::BlockNode* now, sch.Get(state.block));
    const ir::BufferRegion region =
        access.side == BufferSide::kRead ? now->reads[access.index] : now->writes[access.index];
    const auto iters = ItersOf(now, region);
    if (!iters.has_value()) return false;
    access.map = mapping->OfOperand(buffers[i], *iters);
    if (access.map == nullptr) return false;
    HONE_RETURN_IF_ERROR(sch.TransformLayout(state.block, access.index, access.side, access.map, /*pad_value=*/nullptr,
                                             /*assume_injective_transform=*/true));
  }
  HONE_RETURN_IF_ERROR(sch.TransformBlockLayout(job.reindex_store, accesses[2].map));
  HONE_RETURN_IF_ERROR(sch.TransformBlockLayout(reindex_a, accesses[0].map));
  HONE_RETURN_IF_ERROR(sch.TransformBlockLayout(reindex_b, accesses[1].map));
  HONE_RETURN_IF_ERROR(sch.TransformBlockLayout(state.block, mapping->map));

  HONE_ASSIGN_OR_RETURN(const std::optional<LoopRv> tile,
                        space::TileWithTensorIntrin(sch, state.block, intrinsics_(job.group->compute),
                                                    /*allow_padding=*/true));
  if (!tile.has_value()) return false;
  HONE_ASSIGN_OR_RETURN(state.block, sch.Blockize(*tile));
  HONE_RETURN_IF_ERROR(sch.Annotate(state.block, kTensorize, Value::String(job.group->compute)));
  HONE_RETURN_IF_ERROR(sch.Annotate(state.block, "meta_schedule.auto_tensorize_init", Value::String(job.group->init)));
  HONE_RETURN_IF_ERROR(sch.Annotate(state.block, "warp_execution", Value::Int(1)));
  return true;
}

absl::StatusOr<bool> MultiLevelTilingTensorCore::Tile(State& state, const Job& job) {
  if (!job.group->is_mma()) {
    HONE_RETURN_IF_ERROR(TileLoopNest(state, /*tile_innermost_spatial=*/2));
    return true;
  }
  HONE_ASSIGN_OR_RETURN(const ir::BlockNode* block, state.sch.Get(state.block));
  if (block->iter_vars.size() != 3) return false;
  splits_for_mma_ = true;
  const absl::Status status = TileLoopNest(state);
  splits_for_mma_ = false;
  HONE_RETURN_IF_ERROR(status);
  return true;
}

absl::StatusOr<MultiLevelTiling::LoopSplit> MultiLevelTilingTensorCore::SplitLoop(State& state, LoopRv loop,
                                                                                  int parts) {
  if (!splits_for_mma_) return MultiLevelTiling::SplitLoop(state, loop, parts);
  HONE_ASSIGN_OR_RETURN(const SrefId sref, state.sch.SrefOf(state.block));
  HONE_ASSIGN_OR_RETURN(const ir::ForNode* node, state.sch.Get(loop));
  const ir::BlockNode* block = state.sch.state().block(sref);
  const ir::Array<ir::Expr> values = state.sch.state().at(sref).realize->iter_values;
  size_t at = 0;
  while (at < values.size() && !(values[at] == ir::Expr(node->loop_var))) ++at;
  // Without a plain binding it is the block's only iter of extent one, whose tiles are all one.
  if (at < values.size() && block->iter_vars[at]->iter_type == ir::IterType::kReduce) {
    return MultiLevelTiling::SplitLoop(state, loop, parts);
  }
  // The warps' tile holds two instructions in a column and four in a row: what one ldmatrix loads.
  LoopSplit out;
  HONE_ASSIGN_OR_RETURN(const schedule::ExprRvs sampled,
                        state.sch.SamplePartitionedTile(loop, parts, /*partition_pos=*/3,
                                                        /*innerpart_factor=*/at == 0 ? 2 : 4));
  out.factors.assign(sampled.begin(), sampled.end());
  std::vector<Value> factors;
  for (schedule::ExprRv factor : out.factors) factors.push_back(factor ? Value::OfRv(factor) : Value::None());
  HONE_ASSIGN_OR_RETURN(const LoopRvs loops, state.sch.Split(loop, factors));
  out.loops.assign(loops.begin(), loops.end());
  return out;
}

// Tiles the output by what one warp computes, so that the shared cache can hold one row of its fragments at a time.
absl::Status MultiLevelTilingTensorCore::TransformOutputLayout(State& state, const Job& job) {
  Schedule& sch = state.sch;
  const ir::ArenaScope scope(sch.state().arena());
  const space::IntrinDescription init = space::ReadDescription(intrinsics_(job.group->init).description);
  const auto warp = std::find(config_.tile_binds.begin(), config_.tile_binds.end(), "threadIdx.y");
  if (init.loops.size() != 2 || warp == config_.tile_binds.end()) {
    return absl::FailedPreconditionError("wmma needs a fill of two loops and a level bound to threadIdx.y");
  }
  const size_t warp_level = static_cast<size_t>(warp - config_.tile_binds.begin());
  HONE_ASSIGN_OR_RETURN(const ir::BlockNode* block, sch.Get(state.block));
  const size_t rank = block->writes[0]->buffer->shape.size();
  if (rank < 2 || warp_level + 1 >= s_levels_.size()) {
    return absl::FailedPreconditionError("wmma needs an output of two dimensions and a spatial level inside the warp");
  }
  // The sampled numbers are one variable each, their product a new node at each use, as the peer makes them: the node
  // graph in the trace shows which nodes are shared.
  std::vector<ir::Var> factors[2];
  for (size_t i = warp_level + 1; i < s_levels_.size(); ++i) {
    const std::vector<schedule::ExprRv>& sampled = state.tile_factors[s_levels_[i]];
    for (size_t d = 0; d < 2; ++d) factors[d].push_back(VarOf(sampled[sampled.size() - 2 + d]));
  }
  const auto fragments_of_warp = [&](size_t d) {
    ir::Expr product = factors[d][0];
    for (size_t i = 1; i < factors[d].size(); ++i) product = product * factors[d][i];
    return product;
  };
  std::vector<ir::Var> initial;
  for (size_t i = 0; i < rank; ++i) initial.push_back(ir::MakeVar(ir::CopyString(StrCat("i", i)), ir::kInt32));
  std::vector<ir::Expr> tiles;
  std::vector<ir::Expr> in_tile;
  std::vector<ir::Expr> in_fragment;
  for (size_t d = 0; d < 2; ++d) {
    const ir::Expr index = initial[rank - 2 + d];
    const ir::Expr fragment = ir::Int32(*ir::ConstInt(init.loops[d]->extent));
    const ir::Expr outer = ir::FloorDiv(index, fragment);
    tiles.push_back(ir::FloorDiv(outer, fragments_of_warp(d)));
    in_tile.push_back(ir::FloorMod(outer, fragments_of_warp(d)));
    in_fragment.push_back(ir::FloorMod(index, fragment));
  }
  std::vector<ir::Expr> final_indices(initial.begin(), initial.end() - 2);
  for (const auto* part : {&tiles, &in_tile, &in_fragment}) {
    final_indices.insert(final_indices.end(), part->begin(), part->end());
  }
  return sch.TransformLayout(state.block, 0, BufferSide::kWrite,
                             ir::MakeIndexMap(ir::MakeArray(initial), ir::MakeArray(final_indices)),
                             /*pad_value=*/nullptr, /*assume_injective_transform=*/true);
}

absl::Status MultiLevelTilingTensorCore::AddTensorizedStore(State& state, const Job& job) {
  Schedule& sch = state.sch;
  if (job.group->is_mma()) {
    HONE_RETURN_IF_ERROR(sch.WriteAt(state.tiles[2].back(), state.block, 0, "m16n8k8.matrixC").status());
    return sch.ReverseComputeInline(job.reindex_store);
  }
  HONE_ASSIGN_OR_RETURN(const BlockRv accumulator, sch.CacheWrite(state.block, 0, "wmma.accumulator"));
  const BlockRv shared = *state.write_reuse;
  // The four loops over fragments: tiles i0, j0 of the block, fragments i1, j1 of a warp. One row i1 at a time goes
  // through shared memory.
  const auto fragment_loops = [&](BlockRv block) -> absl::StatusOr<LoopRvs> {
    HONE_ASSIGN_OR_RETURN(const LoopRvs loops, sch.GetLoops(block));
    if (loops.size() < 6) return absl::FailedPreconditionError("the cache of a fragment has less than six loops");
    return LoopRvs(loops.end() - 6, loops.end() - 2);
  };
  HONE_ASSIGN_OR_RETURN(const LoopRvs outer, fragment_loops(shared));
  HONE_RETURN_IF_ERROR(sch.Reorder(std::vector<LoopRv>{outer[2], outer[0], outer[1], outer[3]}));
  HONE_RETURN_IF_ERROR(sch.ComputeAt(accumulator, outer[2], /*preserve_unit_loops=*/true));
  HONE_ASSIGN_OR_RETURN(const LoopRvs inner, fragment_loops(accumulator));
  HONE_ASSIGN_OR_RETURN(const LoopRv warps, sch.Fuse(absl::MakeConstSpan(inner.data(), 2)));
  HONE_RETURN_IF_ERROR(sch.Bind(warps, "threadIdx.y"));
  HONE_RETURN_IF_ERROR(sch.ReverseComputeInline(job.reindex_store));
  HONE_ASSIGN_OR_RETURN(const LoopRvs loops, sch.GetLoops(accumulator));
  HONE_ASSIGN_OR_RETURN(const BlockRv store, sch.Blockize(loops[loops.size() - 2]));
  HONE_RETURN_IF_ERROR(sch.Annotate(store, kTensorize, Value::String(job.group->store)));
  HONE_ASSIGN_OR_RETURN(const LoopRvs drain, sch.GetLoops(shared));
  if (drain.size() <= 5) return absl::FailedPreconditionError("the shared cache has less than six loops");
  HONE_RETURN_IF_ERROR(sch.Fuse(absl::MakeConstSpan(drain.data() + drain.size() - 5, 5)).status());
  return AnnotateCooperativeFetch(sch, shared);
}

absl::StatusOr<MultiLevelTiling::States> MultiLevelTilingTensorCore::AddSharedReads(State state, const Job& job) {
  if (!job.group->is_mma()) return AddReadReuse(std::move(state));
  States out;
  if (config_.reuse_read.requirement == ReuseConfig::Requirement::kNo) {
    out.push_back(std::move(state));
    return out;
  }
  for (int level : config_.reuse_read.levels) {
    State next = state.Copy();
    HONE_ASSIGN_OR_RETURN(const ir::BlockNode* block, next.sch.Get(next.block));
    const ir::Array<ir::BufferRegion> reads = block->reads;
    const ir::Buffer written = block->writes[0]->buffer;
    for (size_t i = 0; i < reads.size(); ++i) {
      if (reads[i]->buffer == written) continue;
      HONE_ASSIGN_OR_RETURN(const BlockRv cache, next.sch.ReadAt(next.tiles[level - 1].back(), next.block,
                                                                 static_cast<int>(i), config_.reuse_read.scope));
      HONE_RETURN_IF_ERROR(next.sch.Annotate(cache, "permuted_layout", Value::String(i == 0 ? "g2s_A" : "g2s_B")));
      next.read_reuse.emplace_back(static_cast<int>(i), cache);
    }
    out.push_back(std::move(next));
  }
  return out;
}

absl::StatusOr<bool> MultiLevelTilingTensorCore::AddTensorizedLoads(State& state, const Job& job) {
  Schedule& sch = state.sch;
  const bool mma = job.group->is_mma();
  if (r_levels_.size() < 2 || state.tiles[r_levels_[1]].empty()) {
    return absl::FailedPreconditionError("tensorized loads need a second level of reduce loops");
  }
  const LoopRv at = state.tiles[r_levels_[1]].back();
  for (int i = 0; i < 2; ++i) {
    const std::string_view matrix =
        mma ? (i == 0 ? "m16n8k8.matrixA" : "m16n8k8.matrixB") : (i == 0 ? "wmma.matrix_a" : "wmma.matrix_b");
    HONE_ASSIGN_OR_RETURN(const BlockRv cache, sch.CacheRead(state.block, i, matrix));
    HONE_RETURN_IF_ERROR(sch.ComputeAt(cache, at, /*preserve_unit_loops=*/true));
    HONE_ASSIGN_OR_RETURN(
        const std::optional<BlockRv> load,
        TileAndMark(sch, cache, i == 0 ? job.group->load_a : job.group->load_b, intrinsics_,
                    !mma ? std::string_view() : (i == 0 ? std::string_view("s2l_A") : std::string_view("s2l_B"))));
    if (!load.has_value()) return false;
  }
  for (const auto& [index, cache] : state.read_reuse) {
    // What fills the cache: the reindexing or padding copy, which is not worth a buffer of its own.
    HONE_ASSIGN_OR_RETURN(const schedule::BlockRvs producers, sch.GetProducers(cache));
    if (producers.empty()) return absl::FailedPreconditionError("the shared cache has no producer");
    HONE_RETURN_IF_ERROR(sch.ComputeInline(producers[0]));
    HONE_ASSIGN_OR_RETURN(const ir::BlockNode* block, sch.Get(cache));
    // Rows are padded so that the rows of a fragment lie in different banks.
    const ir::DataType dtype = block->writes[0]->buffer->dtype;
    if (dtype == ir::DataType::Float(16)) {
      HONE_RETURN_IF_ERROR(sch.StorageAlign(cache, 0, -2, 32, 8));
    } else if ((dtype.is_int() || dtype.is_uint()) && dtype.bits == 8) {
      HONE_RETURN_IF_ERROR(sch.StorageAlign(cache, 0, -2, 32, 16));
    } else {
      HONE_LOG(kWarning) << "no storage alignment is known for " << dtype.ToString();
    }
  }
  return true;
}

absl::Status MultiLevelTilingTensorCore::AddSoftwarePipeline(State& state, const Job& job) {
  if (!use_software_pipeline_ || r_levels_.size() < 2) return absl::OkStatus();
  Schedule& sch = state.sch;
  int64_t length = 1;
  for (int level : r_levels_) {
    for (LoopRv loop : state.tiles[level]) {
      HONE_ASSIGN_OR_RETURN(const ir::ForNode* node, sch.Get(loop));
      const int64_t* extent = ir::ConstInt(node->extent);
      if (extent == nullptr) return absl::FailedPreconditionError("a software pipeline over a dynamic extent");
      length *= *extent;
    }
  }
  if (length <= 1) return absl::OkStatus();
  const bool mma = job.group->is_mma();
  for (const auto& [index, cache] : state.read_reuse) {
    if (mma) {
      HONE_RETURN_IF_ERROR(sch.Annotate(cache, "vector_bytes", Value::Int(16)));
    } else {
      HONE_RETURN_IF_ERROR(sch.Annotate(cache, "tir.manifest_shared_memory_local_stage", Value::Int(1)));
      HONE_RETURN_IF_ERROR(sch.Annotate(cache, "double_buffer_scope", Value::Int(0)));
    }
  }
  const LoopRv inner = state.tiles[r_levels_[1]].back();
  HONE_RETURN_IF_ERROR(AnnotateInts(sch, inner, "software_pipeline_stage", {0, 0, 1}));
  HONE_RETURN_IF_ERROR(AnnotateInts(sch, inner, "software_pipeline_order", {0, 1, 2}));
  const LoopRv outer = state.tiles[r_levels_[0]].back();
  if (mma) {
    HONE_RETURN_IF_ERROR(AnnotateInts(sch, outer, "software_pipeline_async_stages", {0}));
    HONE_RETURN_IF_ERROR(AnnotateInts(sch, outer, "software_pipeline_stage", {0, 0, 1, 2, 2}));
    return AnnotateInts(sch, outer, "software_pipeline_order", {0, 1, 3, 2, 4});
  }
  HONE_RETURN_IF_ERROR(AnnotateInts(sch, outer, "software_pipeline_stage", {0, 0, 0, 0, 0, 1, 1}));
  return AnnotateInts(sch, outer, "software_pipeline_order", {0, 3, 1, 4, 5, 2, 6});
}

std::string MultiLevelTilingTensorCore::Signature() const {
  std::string groups;
  for (const TensorCoreGroup& g : groups_) {
    StrAppend(&groups, "{", g.init, " ", g.load_a, " ", g.load_b, " ", g.compute, " ", g.store, "}, ");
  }
  return StrCat(name(), "(", groups, Arguments(), ", use_software_pipeline=", use_software_pipeline_ ? "T" : "F", ")");
}

}  // namespace hone
