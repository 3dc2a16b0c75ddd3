// Inlines blocks that make a 0-dimensional constant.
#pragma once

#include "server/space/schedule_rule.h"

namespace hone {

class InlineConstantScalars final : public ScheduleRule {
 public:
  std::string_view name() const override { return "InlineConstantScalars"; }
  absl::StatusOr<std::vector<schedule::Schedule>> Apply(schedule::Schedule sch, schedule::BlockRv block) override;
  std::unique_ptr<ScheduleRule> Clone() const override { return std::make_unique<InlineConstantScalars>(); }
};

}  // namespace hone
