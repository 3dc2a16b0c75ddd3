// Multi-level tiling for machines with one very wide vector: the innermost written dimension is split by it.
#pragma once

#include "server/space/rule/multi_level_tiling.h"

namespace hone {

class MultiLevelTilingWideVector final : public MultiLevelTiling {
 public:
  MultiLevelTilingWideVector(MultiLevelTilingConfig config, int vector_length_bits)
      : MultiLevelTiling(std::move(config)), vector_length_bits_(vector_length_bits) {}
  std::string_view name() const override { return "MultiLevelTilingWideVector"; }
  std::string Signature() const override;
  std::unique_ptr<ScheduleRule> Clone() const override { return std::make_unique<MultiLevelTilingWideVector>(*this); }

 private:
  absl::StatusOr<LoopSplit> SplitLoop(State& state, schedule::LoopRv loop, int parts) override;

  int vector_length_bits_;
};

}  // namespace hone
