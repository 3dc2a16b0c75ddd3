// A way to schedule one block; the steps that a design space is grown by.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/schedule/schedule.h"
#include "server/space/context.h"

namespace hone {

// Users derive from it. Apply is called from one thread at a time.
class ScheduleRule {
 public:
  virtual ~ScheduleRule() = default;
  virtual std::string_view name() const = 0;
  // The name with the arguments it was made with, as a person would write them: "AddRFactor(16, 64)".
  virtual std::string Signature() const { return std::string(name()); }
  // Before the first Apply: takes what it needs of the target. FailedPrecondition when the target lacks it.
  virtual absl::Status Initialize(const SpaceContext& context) { return absl::OkStatus(); }
  // The schedules that `sch` grows into: `sch` itself when the rule does not apply to `block`; none ends the branch.
  virtual absl::StatusOr<std::vector<schedule::Schedule>> Apply(schedule::Schedule sch, schedule::BlockRv block) = 0;
  virtual std::unique_ptr<ScheduleRule> Clone() const = 0;
};

using ScheduleRules = std::vector<std::unique_ptr<ScheduleRule>>;

// {sch}: a vector of move-only schedules cannot be brace-initialised.
inline std::vector<schedule::Schedule> OneSchedule(schedule::Schedule sch) {
  std::vector<schedule::Schedule> out;
  out.push_back(std::move(sch));
  return out;
}

}  // namespace hone
