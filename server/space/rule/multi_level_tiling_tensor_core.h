// Multi-level tiling onto the tensor cores of NVIDIA GPUs: wmma fragments, or mma instructions with their registers.
#pragma once

#include "server/space/rule/multi_level_tiling.h"

namespace hone {

// The intrinsics that one way of computing a contraction takes.
struct TensorCoreGroup {
  std::string init;
  std::string load_a;
  std::string load_b;
  std::string compute;  // One whose name begins with "mma_sync" makes the group one of mma.
  std::string store;

  bool is_mma() const { return compute.starts_with("mma_sync"); }
};

// What goes beyond the peer's rule.
struct TensorCoreExtras {
  // Compute stages of asynchronous copies into shared memory, for wmma: a space with each instead of the one without
  // copies ahead, where the device can copy so.
  std::vector<int> async_stages = {};
  // Leave out groups that want B transposed when it is not, and the other way round.
  bool match_layout = false;
};

// Yields one space a group that can compute the block, the last group first; the plain block when there is none.
class MultiLevelTilingTensorCore final : public MultiLevelTiling {
 public:
  MultiLevelTilingTensorCore(std::vector<TensorCoreGroup> groups, MultiLevelTilingConfig config,
                             bool use_software_pipeline, TensorCoreExtras extras = {})
      : MultiLevelTiling(std::move(config)),
        groups_(std::move(groups)),
        use_software_pipeline_(use_software_pipeline),
        extras_(std::move(extras)) {}
  std::string_view name() const override { return "MultiLevelTilingTensorCore"; }
  std::string Signature() const override;
  // Also InvalidArgument for a threadIdx.x among the binds, and for wmma without a must-have shared write cache.
  absl::Status Initialize(const SpaceContext& context) override;
  absl::StatusOr<std::vector<schedule::Schedule>> Apply(schedule::Schedule sch, schedule::BlockRv block) override;
  std::unique_ptr<ScheduleRule> Clone() const override { return std::make_unique<MultiLevelTilingTensorCore>(*this); }

  const std::vector<TensorCoreGroup>& groups() const { return groups_; }
  bool use_software_pipeline() const { return use_software_pipeline_; }

 private:
  // What the steps of one group share. Its blocks are valid in every schedule copied on the way.
  struct Job {
    const TensorCoreGroup* group;
    schedule::BlockRv reindex_store;
  };

  absl::StatusOr<States> ApplyGroup(State state, const TensorCoreGroup& group);
  absl::StatusOr<LoopSplit> SplitLoop(State& state, schedule::LoopRv loop, int parts) override;

  // Steps in their order. One that answers false ends the state.
  absl::StatusOr<bool> Transform(State& state, Job& job);
  absl::StatusOr<bool> Tile(State& state, const Job& job);
  absl::Status TransformOutputLayout(State& state, const Job& job);
  absl::Status AddTensorizedStore(State& state, const Job& job);
  absl::StatusOr<States> AddSharedReads(State state, const Job& job);
  absl::StatusOr<bool> AddTensorizedLoads(State& state, const Job& job);
  absl::Status AddSoftwarePipeline(State& state, const Job& job);

  bool FitsLayout(const schedule::Schedule& sch, schedule::SrefId block, const TensorCoreGroup& group) const;

  std::vector<TensorCoreGroup> groups_;
  bool use_software_pipeline_;
  TensorCoreExtras extras_;
  bool splits_for_mma_ = false;  // While the loops of an mma group are tiled.
};

}  // namespace hone
