// Multi-level tiling of blocks that a tensor intrinsic computes: the innermost tile becomes the intrinsic.
#pragma once

#include "server/space/rule/multi_level_tiling.h"

namespace hone {

class MultiLevelTilingWithIntrin final : public MultiLevelTiling {
 public:
  MultiLevelTilingWithIntrin(MultiLevelTilingConfig config, std::string intrin)
      : MultiLevelTiling(std::move(config)), intrin_(std::move(intrin)) {}
  std::string_view name() const override { return "MultiLevelTilingWithIntrin"; }
  std::string Signature() const override;
  absl::Status Initialize(const SpaceContext& context) override;
  absl::StatusOr<std::vector<schedule::Schedule>> Apply(schedule::Schedule sch, schedule::BlockRv block) override;
  std::unique_ptr<ScheduleRule> Clone() const override { return std::make_unique<MultiLevelTilingWithIntrin>(*this); }

 private:
  absl::StatusOr<States> ApplySubRules(State state) override;

  std::string intrin_;
};

}  // namespace hone
