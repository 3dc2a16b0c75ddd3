// Runs the function that a block names in its annotation "schedule_rule", in place of the other rules.
#pragma once

#include <string>
#include <vector>

#include "server/space/custom_rule.h"
#include "server/space/schedule_rule.h"

namespace hone {

// The built-in function `name` for a target key ("cpu", "cuda", ...); null when there is none.
CustomRule FindCustomRule(std::string_view target_key, std::string_view name);

class ApplyCustomRule final : public ScheduleRule {
 public:
  // `more` are looked at before the built-in functions.
  explicit ApplyCustomRule(std::vector<CustomRuleRow> more = {}) : more_(std::move(more)) {}
  std::string_view name() const override { return "ApplyCustomRule"; }
  absl::Status Initialize(const SpaceContext& context) override;
  absl::StatusOr<std::vector<schedule::Schedule>> Apply(schedule::Schedule sch, schedule::BlockRv block) override;
  std::unique_ptr<ScheduleRule> Clone() const override { return std::make_unique<ApplyCustomRule>(*this); }

 private:
  CustomRule Find(std::string_view target_key, std::string_view name) const;

  std::vector<CustomRuleRow> more_;
  std::vector<std::string> keys_;  // Of the target, in order.
};

}  // namespace hone
