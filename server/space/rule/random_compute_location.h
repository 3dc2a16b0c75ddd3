// Computes a block at a sampled loop of its consumers.
#pragma once

#include "server/space/schedule_rule.h"

namespace hone {

class RandomComputeLocation final : public ScheduleRule {
 public:
  std::string_view name() const override { return "RandomComputeLocation"; }
  absl::StatusOr<std::vector<schedule::Schedule>> Apply(schedule::Schedule sch, schedule::BlockRv block) override;
  std::unique_ptr<ScheduleRule> Clone() const override { return std::make_unique<RandomComputeLocation>(); }
};

}  // namespace hone
