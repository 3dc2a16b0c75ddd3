// Tuning as a durable job of a server.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/cpp/database.h"
#include "hone/v1/tuning.pb.h"

namespace hone::meta_schedule {

struct DurableTask {
  std::string name;
  ir::IRModule mod;
  double weight = 1;
  std::string target_json = "";  // Empty = the settings'.
  std::string space = "";        // A name that the server knows; empty = the settings'.
};

struct DurableSettings {
  std::vector<DurableTask> tasks;
  std::string target_json;
  int64_t max_trials_global = 0;
  int64_t max_trials_per_task = 0;
  int num_trials_per_iter = 64;
  std::string space, strategy, cost_model, task_scheduler;
  std::string strategy_params_json = "";  // Empty = the defaults.
  int search_threads = 1;                 // Of the search worker.
  ir::Equality module_equality = ir::Equality::kStructural;
  uint64_t seed = 0;
  std::function<bool()> stop = nullptr;  // True cancels the job; what was measured is kept.
};

v1::JobSpec JobSpecOf(const DurableSettings& settings);

// Submits, waits for the end, and copies the job's records into `database`. The job outlives this process. Aborted when
// it failed or was cancelled by somebody else; its records are copied all the same.
absl::Status TuneAsJob(const std::shared_ptr<Connection>& server, const DurableSettings& settings, Database& database);

// Copies the records of a job whose tasks are these, in their order.
absl::Status CopyJobRecords(const std::shared_ptr<Connection>& server, const std::string& job_id,
                            const std::vector<DurableTask>& tasks, const std::string& target_json, Database& database);

}  // namespace hone::meta_schedule
