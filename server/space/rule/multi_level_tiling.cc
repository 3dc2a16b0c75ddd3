#include "server/space/rule/multi_level_tiling.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "common/schedule/analysis.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/target/rule_kind.h"
#include "server/space/analysis.h"

namespace hone {

using schedule::BlockRv;
using schedule::LoopRv;
using schedule::LoopRvs;
using schedule::Schedule;
using schedule::SrefId;
using schedule::Value;

MultiLevelTiling::MultiLevelTiling(MultiLevelTilingConfig config) : config_(std::move(config)) {
  for (size_t i = 0; i < config_.structure.size(); ++i) {
    (config_.structure[i] == 'S' ? s_levels_ : r_levels_).push_back(static_cast<int>(i));
  }
}

absl::Status MultiLevelTiling::Initialize(const SpaceContext& context) {
  intrinsics_ = context.intrinsics;
  if (const auto threads = context.target.GetInt("max_threads_per_block")) {
    max_threads_per_block_ = *threads;
    thread_warp_size_ = context.target.GetInt("thread_warp_size").value_or(-1);
  }
  if (SmVersion(context.target) >= 80) async_stages_ = {4, 5};
  return absl::OkStatus();
}

MultiLevelTiling::State MultiLevelTiling::State::Copy() {
  return State{sch.Copy(), block, tiles, tile_factors, read_reuse, write_reuse};
}

bool MultiLevelTiling::Applies(const Schedule& sch, BlockRv block) const {
  if (config_.filter && config_.filter(sch, block)) return true;
  const auto sref = sch.SrefOf(block);
  return sref.ok() && space::NeedsMultiLevelTiling(sch.state(), *sref);
}

absl::StatusOr<std::vector<Schedule>> MultiLevelTiling::Apply(Schedule sch, BlockRv block) {
  if (!Applies(sch, block)) return OneSchedule(std::move(sch));
  HONE_RETURN_IF_ERROR(sch.Annotate(block, "meta_schedule.tiling_structure", Value::String(config_.structure)));
  HONE_ASSIGN_OR_RETURN(States states, ApplySubRules(State{std::move(sch), block, {}, {}, {}, {}}));
  std::vector<Schedule> out;
  for (State& state : states) out.push_back(std::move(state.sch));
  return out;
}

absl::StatusOr<MultiLevelTiling::States> MultiLevelTiling::ApplySubRules(State state) {
  HONE_RETURN_IF_ERROR(TileLoopNest(state));
  HONE_ASSIGN_OR_RETURN(States states, AddWriteReuse(std::move(state)));
  HONE_ASSIGN_OR_RETURN(states, ForEach(std::move(states), [this](State s) { return AddReadReuse(std::move(s)); }));
  return ForEach(std::move(states), [this](State s) { return AddAsyncPipeline(std::move(s)); });
}

absl::StatusOr<MultiLevelTiling::LoopSplit> MultiLevelTiling::SplitLoop(State& state, LoopRv loop, int parts) {
  LoopSplit out;
  HONE_ASSIGN_OR_RETURN(const schedule::ExprRvs sampled,
                        state.sch.SamplePerfectTile(loop, parts, config_.max_innermost_factor));
  out.factors.assign(sampled.begin(), sampled.end());
  std::vector<Value> factors;
  for (schedule::ExprRv factor : out.factors) factors.push_back(factor ? Value::OfRv(factor) : Value::None());
  HONE_ASSIGN_OR_RETURN(const LoopRvs loops, state.sch.Split(loop, factors));
  out.loops.assign(loops.begin(), loops.end());
  return out;
}

absl::Status MultiLevelTiling::TileLoopNest(State& state, int tile_innermost_spatial) {
  Schedule& sch = state.sch;
  HONE_ASSIGN_OR_RETURN(const LoopRvs loops, sch.GetLoops(state.block));
  HONE_ASSIGN_OR_RETURN(const ir::BlockNode* block, sch.Get(state.block));
  if (loops.size() != block->iter_vars.size()) {
    return absl::FailedPreconditionError("the block to tile has not one loop an iter");
  }
  std::vector<ir::IterType> types;
  int skip = 0;
  for (ir::IterVar iter : block->iter_vars) {
    types.push_back(iter->iter_type);
    skip += iter->iter_type == ir::IterType::kSpatial;
  }
  skip = tile_innermost_spatial < 0 ? 0 : skip - tile_innermost_spatial;
  const size_t levels = config_.structure.size();
  std::vector<std::vector<LoopRv>> tiles(levels);
  state.tile_factors.assign(levels, {});
  std::vector<LoopRv> skipped;
  int64_t spatial_product = 1;
  for (size_t i = 0; i < loops.size(); ++i) {
    const std::vector<int>* where = nullptr;
    if (types[i] == ir::IterType::kSpatial) {
      if (skip > 0) {
        skipped.push_back(loops[i]);
        --skip;
        continue;
      }
      where = &s_levels_;
      HONE_ASSIGN_OR_RETURN(const ir::ForNode* loop, sch.Get(loops[i]));
      const int64_t* extent = ir::ConstInt(loop->extent);
      spatial_product = spatial_product == -1 || extent == nullptr ? -1 : spatial_product * *extent;
    } else if (types[i] == ir::IterType::kReduce) {
      where = &r_levels_;
    } else {
      continue;
    }
    if (where->size() == 1) {
      tiles[(*where)[0]].push_back(loops[i]);
      continue;
    }
    HONE_ASSIGN_OR_RETURN(const LoopSplit split, SplitLoop(state, loops[i], static_cast<int>(where->size())));
    for (size_t j = 0; j < where->size(); ++j) {
      tiles[(*where)[j]].push_back(split.loops[j]);
      if (!split.factors.empty()) state.tile_factors[(*where)[j]].push_back(split.factors[j]);
    }
  }
  std::vector<LoopRv> order;
  for (const auto& tile : tiles) order.insert(order.end(), tile.begin(), tile.end());
  HONE_RETURN_IF_ERROR(sch.Reorder(order));
  const size_t binds = std::min(config_.tile_binds.size(), tiles.size());
  if (binds > 0) tiles[0].insert(tiles[0].begin(), skipped.begin(), skipped.end());
  for (size_t i = 0; i < binds; ++i) {
    HONE_ASSIGN_OR_RETURN(const LoopRv fused, sch.Fuse(tiles[i]));
    HONE_RETURN_IF_ERROR(sch.Bind(fused, config_.tile_binds[i]));
    tiles[i] = {fused};
  }
  state.tiles = std::move(tiles);
  if (thread_warp_size_ != -1) {
    const int64_t low = spatial_product > 2 * thread_warp_size_ ? thread_warp_size_ : 1;
    HONE_RETURN_IF_ERROR(sch.Annotate(state.block, "meta_schedule.thread_extent_low_inclusive", Value::Int(low)));
    HONE_RETURN_IF_ERROR(
        sch.Annotate(state.block, "meta_schedule.thread_extent_high_inclusive", Value::Int(max_threads_per_block_)));
  }
  return absl::OkStatus();
}

absl::StatusOr<MultiLevelTiling::States> MultiLevelTiling::AddWriteReuse(State state) {
  States out;
  const ReuseConfig& config = config_.reuse_write;
  if (config.requirement == ReuseConfig::Requirement::kNo) {
    out.push_back(std::move(state));
    return out;
  }
  std::vector<int> levels = config.levels;
  bool must = config.requirement == ReuseConfig::Requirement::kMust;
  HONE_ASSIGN_OR_RETURN(const ir::BlockNode* block, state.sch.Get(state.block));
  if (const auto* wanted = ir::As<ir::ArrayNode>(block->annotations.Get("meta_schedule.write_cache_level"))) {
    must = true;
    levels.clear();
    for (const ir::Object* item : wanted->items) {
      const int64_t* level = item->object_kind == ir::ObjectKind::kExpr
                                 ? ir::ConstInt(ir::Expr(static_cast<const ir::ExprNode*>(item)))
                                 : nullptr;
      if (level == nullptr || *level < 1 || *level > static_cast<int64_t>(state.tiles.size())) {
        return absl::InvalidArgumentError("annotation meta_schedule.write_cache_level is no list of tile levels");
      }
      levels.push_back(static_cast<int>(*level));
    }
  }
  if (!must) {
    HONE_ASSIGN_OR_RETURN(const schedule::BlockRvs consumers, state.sch.GetConsumers(state.block));
    bool has_cache = false;
    if (consumers.size() == 1) {
      HONE_ASSIGN_OR_RETURN(const ir::BlockNode* consumer, state.sch.Get(consumers[0]));
      has_cache = space::IsWriteCacheLike(consumer);
    }
    if (has_cache) {
      for (int level : levels) {
        State next = state.Copy();
        HONE_RETURN_IF_ERROR(next.sch.ReverseComputeAt(consumers[0], next.tiles[level - 1].back(), true));
        out.push_back(std::move(next));
      }
      out.push_back(std::move(state));
      return out;
    }
    out.push_back(state.Copy());
  }
  HONE_ASSIGN_OR_RETURN(const BlockRv cache, state.sch.CacheWrite(state.block, 0, config.scope));
  state.write_reuse = cache;
  for (int level : levels) {
    State next = state.Copy();
    HONE_RETURN_IF_ERROR(next.sch.ReverseComputeAt(cache, next.tiles[level - 1].back(), true));
    out.push_back(std::move(next));
  }
  return out;
}

absl::StatusOr<MultiLevelTiling::States> MultiLevelTiling::AddReadReuse(State state) {
  States out;
  const ReuseConfig& config = config_.reuse_read;
  if (config.requirement == ReuseConfig::Requirement::kNo) {
    out.push_back(std::move(state));
    return out;
  }
  for (int level : config.levels) {
    State next = state.Copy();
    Schedule& sch = next.sch;
    const LoopRv at = next.tiles[level - 1].back();
    HONE_ASSIGN_OR_RETURN(const ir::BlockNode* block, sch.Get(next.block));
    const ir::Array<ir::BufferRegion> reads = block->reads;
    const ir::Buffer written = block->writes[0]->buffer;
    for (size_t i = 0; i < reads.size(); ++i) {
      if (reads[i]->buffer == written) continue;
      const BlockRv consumers[] = {next.block};
      HONE_ASSIGN_OR_RETURN(const BlockRv cache,
                            sch.CacheRead(next.block, static_cast<int>(i), config.scope, consumers));
      next.read_reuse.emplace_back(static_cast<int>(i), cache);
      HONE_RETURN_IF_ERROR(sch.ComputeAt(cache, at, /*preserve_unit_loops=*/true));
      const size_t rank = reads[i]->buffer->shape.size();
      HONE_ASSIGN_OR_RETURN(const LoopRvs loops, sch.GetLoops(cache));
      HONE_RETURN_IF_ERROR(sch.Fuse(absl::MakeConstSpan(loops.data() + loops.size() - rank, rank)).status());
      HONE_RETURN_IF_ERROR(AnnotateCooperativeFetch(sch, cache));
    }
    out.push_back(std::move(next));
  }
  return out;
}

absl::Status MultiLevelTiling::AnnotateCooperativeFetch(Schedule& sch, BlockRv cache) {
  if (config_.vector_load_lens.empty()) return absl::OkStatus();
  HONE_ASSIGN_OR_RETURN(const ir::BlockNode* block, sch.Get(cache));
  const ir::DataType dtype = block->writes[0]->buffer->dtype;
  std::vector<int64_t> allowed;
  for (int64_t length : config_.vector_load_lens) {
    bool fits = true;
    if (dtype == ir::DataType::Float(32)) fits = length <= 4;
    if (dtype == ir::DataType::Float(16)) fits = (length == 1 || length % 2 == 0) && length <= 8;
    if (dtype == ir::DataType::Int(8)) fits = length <= 16;
    if (fits) allowed.push_back(length);
  }
  if (allowed.empty()) return absl::OkStatus();
  const std::vector<double> probs(allowed.size(), 1.0 / static_cast<double>(allowed.size()));
  HONE_ASSIGN_OR_RETURN(const schedule::ExprRv length, sch.SampleCategorical(allowed, probs));
  return sch.Annotate(cache, "meta_schedule.cooperative_fetch", Value::OfRv(length));
}

absl::StatusOr<MultiLevelTiling::States> MultiLevelTiling::AddAsyncPipeline(State state) {
  States out;
  bool applies = !async_stages_.empty() && !r_levels_.empty() && !state.tiles[r_levels_[0]].empty();
  if (applies) {
    HONE_ASSIGN_OR_RETURN(const ir::ForNode* loop, state.sch.Get(state.tiles[r_levels_[0]].back()));
    const auto* seq = loop->body.as<ir::SeqNode>();
    applies = seq != nullptr && seq->seq.size() == 3 &&
              std::all_of(seq->seq.begin(), seq->seq.end(), [](ir::Stmt s) { return s.kind() == ir::StmtKind::kFor; });
  }
  if (!applies) {
    out.push_back(std::move(state));
    return out;
  }
  out.push_back(state.Copy());
  for (int stage : async_stages_) {
    State next = state.Copy();
    HONE_ASSIGN_OR_RETURN(const LoopRv fused, next.sch.Fuse(next.tiles[r_levels_[0]]));
    const Value stages[] = {Value::Int(0), Value::Int(0), Value::Int(stage - 2)};
    const Value order[] = {Value::Int(0), Value::Int(1), Value::Int(2)};
    const Value async[] = {Value::Int(0)};
    HONE_RETURN_IF_ERROR(next.sch.Annotate(fused, "software_pipeline_stage", Value::List(ir::Array<Value>(stages, 3))));
    HONE_RETURN_IF_ERROR(next.sch.Annotate(fused, "software_pipeline_order", Value::List(ir::Array<Value>(order, 3))));
    HONE_RETURN_IF_ERROR(
        next.sch.Annotate(fused, "software_pipeline_async_stages", Value::List(ir::Array<Value>(async, 1))));
    next.tiles[r_levels_[0]] = {fused};
    out.push_back(std::move(next));
  }
  return out;
}

namespace {

std::string List(absl::Span<const int> numbers) { return StrCat("[", absl::StrJoin(numbers, ","), "]"); }

std::string ReuseText(const ReuseConfig& config) {
  if (config.requirement == ReuseConfig::Requirement::kNo && config.levels.empty()) return "none";
  constexpr std::string_view kNames[] = {"no", "may", "must"};
  return StrCat("RW(", kNames[static_cast<int>(config.requirement)], ",", List(config.levels), ",", config.scope, ")");
}

}  // namespace

std::string MultiLevelTiling::Arguments() const {
  std::string lens = "none";
  if (!config_.vector_load_lens.empty()) lens = StrCat("[", absl::StrJoin(config_.vector_load_lens, ","), "]");
  std::string binds = "none";
  if (!config_.tile_binds.empty()) binds = StrCat("[", absl::StrJoin(config_.tile_binds, ", "), "]");
  return StrCat("\"", config_.structure, "\", tile_binds=", binds,
                ", max_innermost_factor=", config_.max_innermost_factor, ", vector_load_lens=", lens,
                ", reuse_read=", ReuseText(config_.reuse_read), ", reuse_write=", ReuseText(config_.reuse_write));
}

std::string MultiLevelTiling::Signature() const { return StrCat(name(), "(", Arguments(), ")"); }

}  // namespace hone
