// Functions that blocks ask for by name, in their annotation "schedule_rule".
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/schedule/schedule.h"

namespace hone {

// The schedules that a custom function grows from one block.
using CustomRule = absl::StatusOr<std::vector<schedule::Schedule>> (*)(schedule::Schedule sch, schedule::BlockRv block);

// `rule` serves blocks that ask for `name` when the target has the key `target_key` ("cpu", "cuda", ...).
struct CustomRuleRow {
  std::string target_key;
  std::string name;
  CustomRule rule;
};

}  // namespace hone
