// Tiles a block with data reuse at several levels ("SSRSRS": S a level of all spatial loops, R of all reduce loops),
// optionally binds levels to threads, and stages its reads and its write through caches at chosen levels.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/space/schedule_rule.h"

namespace hone {

struct ReuseConfig {
  enum class Requirement { kNo, kMay, kMust };
  Requirement requirement = Requirement::kNo;
  std::vector<int> levels;  // 1-based tile levels.
  std::string scope;
};

struct MultiLevelTilingConfig {
  std::string structure;
  std::vector<std::string> tile_binds;    // Thread axes of the first levels.
  int max_innermost_factor = -1;          // -1: no limit.
  std::vector<int64_t> vector_load_lens;  // Candidates of cooperative fetching; empty: no annotation.
  ReuseConfig reuse_read;
  ReuseConfig reuse_write;
  std::function<bool(const schedule::Schedule&, schedule::BlockRv)> filter;  // True: applies whatever else holds.
};

class MultiLevelTiling : public ScheduleRule {
 public:
  explicit MultiLevelTiling(MultiLevelTilingConfig config);
  std::string_view name() const override { return "MultiLevelTiling"; }
  std::string Signature() const override;
  absl::Status Initialize(const SpaceContext& context) override;
  absl::StatusOr<std::vector<schedule::Schedule>> Apply(schedule::Schedule sch, schedule::BlockRv block) override;
  std::unique_ptr<ScheduleRule> Clone() const override { return std::make_unique<MultiLevelTiling>(*this); }

 protected:
  // A schedule on its way through the sub-rules.
  struct State {
    schedule::Schedule sch;
    schedule::BlockRv block;
    std::vector<std::vector<schedule::LoopRv>> tiles;           // By level.
    std::vector<std::vector<schedule::ExprRv>> tile_factors;    // By level; empty where nothing was sampled.
    std::vector<std::pair<int, schedule::BlockRv>> read_reuse;  // Read index and its cache.
    std::optional<schedule::BlockRv> write_reuse;

    State Copy();
  };
  using States = std::vector<State>;
  struct LoopSplit {
    std::vector<schedule::ExprRv> factors;  // Empty when nothing was sampled.
    std::vector<schedule::LoopRv> loops;
  };

  // The sub-rules in order; an intermediate state that dies is dropped.
  virtual absl::StatusOr<States> ApplySubRules(State state);
  virtual absl::StatusOr<LoopSplit> SplitLoop(State& state, schedule::LoopRv loop, int parts);
  // The configuration as the reference writes it, without parentheses.
  std::string Arguments() const;
  bool Applies(const schedule::Schedule& sch, schedule::BlockRv block) const;

  // `tile_innermost_spatial` >= 0: only so many innermost spatial loops are tiled.
  absl::Status TileLoopNest(State& state, int tile_innermost_spatial = -1);
  absl::StatusOr<States> AddWriteReuse(State state);
  absl::StatusOr<States> AddReadReuse(State state);
  absl::StatusOr<States> AddAsyncPipeline(State state);
  absl::Status AnnotateCooperativeFetch(schedule::Schedule& sch, schedule::BlockRv cache);
  template <typename F>
  static absl::StatusOr<States> ForEach(States states, F&& f);

  MultiLevelTilingConfig config_;
  std::vector<int> s_levels_;
  std::vector<int> r_levels_;
  int64_t max_threads_per_block_ = -1;
  int64_t thread_warp_size_ = -1;
  std::vector<int> async_stages_;
  schedule::TensorIntrinTable intrinsics_ = nullptr;
};

template <typename F>
absl::StatusOr<MultiLevelTiling::States> MultiLevelTiling::ForEach(States states, F&& f) {
  States out;
  for (State& state : states) {
    absl::StatusOr<States> next = f(std::move(state));
    if (!next.ok()) return next.status();
    for (State& s : *next) out.push_back(std::move(s));
  }
  return out;
}

}  // namespace hone
