// Tuning as a durable job of a server.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/cpp/database.h"

namespace hone::meta_schedule {

struct DurableTask {
  std::string name;
  ir::IRModule mod;
};

struct DurableSettings {
  std::vector<DurableTask> tasks;
  std::string target_json;
  int64_t max_trials_global = 0;
  int64_t max_trials_per_task = 0;
  int num_trials_per_iter = 64;
  std::string space, strategy, cost_model, task_scheduler;
  ir::Equality module_equality = ir::Equality::kStructural;
  uint64_t seed = 0;
  std::function<bool()> stop = nullptr;  // True cancels the job; what was measured is kept.
};

// Submits, waits for the end, and copies the job's records into `database`. The job outlives this process. Aborted when
// it failed or was cancelled by somebody else; its records are copied all the same.
absl::Status TuneAsJob(const std::shared_ptr<Connection>& server, const DurableSettings& settings, Database& database);

// Copies the records of a job whose tasks are these, in their order.
absl::Status CopyJobRecords(const std::shared_ptr<Connection>& server, const std::string& job_id,
                            const std::vector<DurableTask>& tasks, const std::string& target_json, Database& database);

}  // namespace hone::meta_schedule
