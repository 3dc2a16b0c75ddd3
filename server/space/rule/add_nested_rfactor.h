// A long reduction with little parallel work around it, for several cores and vector lanes at once: a rule of Hone's
// own.
#pragma once

#include "server/space/schedule_rule.h"

namespace hone {

// AddRFactor gives partial results either to cores or to lanes. This rule splits the reduction in three, cores
// outermost and lanes innermost, and factors it twice: every core sums its part in lanes, then its lanes, and one short
// reduction is left over the cores' results. It adds one design space to those it is given, and applies where
// AddRFactor does.
class AddNestedRFactor final : public ScheduleRule {
 public:
  // Lanes are at most max_innermost_factor; the spatial work below which it applies is max_jobs_per_core a core.
  AddNestedRFactor(int max_jobs_per_core, int max_innermost_factor)
      : max_jobs_per_core_(max_jobs_per_core), max_innermost_factor_(max_innermost_factor) {}
  std::string_view name() const override { return "AddNestedRFactor"; }
  std::string Signature() const override;
  absl::Status Initialize(const SpaceContext& context) override;
  absl::StatusOr<std::vector<schedule::Schedule>> Apply(schedule::Schedule sch, schedule::BlockRv block) override;
  std::unique_ptr<ScheduleRule> Clone() const override { return std::make_unique<AddNestedRFactor>(*this); }

 private:
  int max_jobs_per_core_;
  int max_innermost_factor_;
  int64_t limit_extent_ = 0;
};

}  // namespace hone
