// A tuning task found in a model.
#pragma once

#include <string>
#include <vector>

#include "common/ir/module.h"
#include "common/ir/module_equality.h"
#include "common/target/target.h"

namespace hone::meta_schedule {

struct ExtractedTask {
  std::string task_name;
  // Where it comes from. Hone does not read models: a module whose attributes name the model (its digest) and the
  // nodes.
  ir::IRModule mod;
  Target target;
  std::vector<ir::IRModule> dispatched;  // The tensor programs; one in practice.
  int weight = 1;                        // Call sites.
};

// Puts tasks of one target together whose first dispatched modules are equal: the first of them stays, with the true
// number of call sites as its weight. In the order of first appearance.
std::vector<ExtractedTask> MergeTasks(std::vector<ExtractedTask> tasks,
                                      ir::Equality equality = ir::Equality::kStructural);

}  // namespace hone::meta_schedule
