// Splits a long reduction with little parallel work around it into partial results (rfactor).
#pragma once

#include "server/space/schedule_rule.h"

namespace hone {

class AddRFactor final : public ScheduleRule {
 public:
  // max_jobs_per_core -1: no limit; max_innermost_factor -1: no limit.
  AddRFactor(int max_jobs_per_core, int max_innermost_factor)
      : max_jobs_per_core_(max_jobs_per_core), max_innermost_factor_(max_innermost_factor) {}
  std::string_view name() const override { return "AddRFactor"; }
  std::string Signature() const override;
  absl::Status Initialize(const SpaceContext& context) override;
  absl::StatusOr<std::vector<schedule::Schedule>> Apply(schedule::Schedule sch, schedule::BlockRv block) override;
  std::unique_ptr<ScheduleRule> Clone() const override { return std::make_unique<AddRFactor>(*this); }

 private:
  int max_jobs_per_core_;
  int max_innermost_factor_;
  int64_t limit_extent_ = -1;
};

}  // namespace hone
