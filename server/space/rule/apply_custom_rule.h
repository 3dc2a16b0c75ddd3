// Runs the function that a block names in its annotation "schedule_rule", in place of the other rules.
#pragma once

#include <string>
#include <vector>

#include "server/space/schedule_rule.h"

namespace hone {

// Schedules grown by a custom function for one block.
using CustomRule = absl::StatusOr<std::vector<schedule::Schedule>> (*)(schedule::Schedule sch, schedule::BlockRv block);
// The function `name` for a target key ("cpu", "cuda", ...); null when there is none.
CustomRule FindCustomRule(std::string_view target_key, std::string_view name);

class ApplyCustomRule final : public ScheduleRule {
 public:
  std::string_view name() const override { return "ApplyCustomRule"; }
  absl::Status Initialize(const SpaceContext& context) override;
  absl::StatusOr<std::vector<schedule::Schedule>> Apply(schedule::Schedule sch, schedule::BlockRv block) override;
  std::unique_ptr<ScheduleRule> Clone() const override { return std::make_unique<ApplyCustomRule>(*this); }

 private:
  std::vector<std::string> keys_;  // Of the target, in order.
};

}  // namespace hone
