// Droplet search from the best record of each task after tuning (reference/post_optimization.md).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cpp/builder.h"
#include "client/cpp/database.h"
#include "client/cpp/runner.h"
#include "client/cpp/tune_context.h"

namespace hone::meta_schedule {

struct PostOptimizationOptions {
  int trials = 100;  // Of each task.
  int pairs = 7;     // Measured in turns before a better neighbour is believed.
};

// Walks from each task's best record and commits every point measured. A neighbour is accepted only when paired
// measurements say that it is faster. The table: a row a task, with its best time before and after.
absl::StatusOr<std::string> PostOptimize(const std::vector<std::shared_ptr<TuneContext>>& tasks, Database& database,
                                         Builder& builder, Runner& runner, const PostOptimizationOptions& options = {});

}  // namespace hone::meta_schedule
