// What a job is, as plain data: fixed when it is submitted, stored, and given to the coordinator's core.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/measure/policy.h"
#include "common/measure/runner.h"
#include "common/record/tuning_record.h"
#include "common/record/workload.h"
#include "server/search/search_service.h"

namespace hone {

struct TaskDefinition {
  std::string name;
  Workload workload;
  double weight = 1;
  std::string target_json;  // Complete.
  std::string space = "post-order-apply";
  std::vector<WarmStart> warm_starts;  // Pinned when the job is created.
};

struct JobDefinition {
  std::string id;
  std::string request_id;  // Chosen by the client; makes submitting idempotent.
  std::string name;
  std::vector<TaskDefinition> tasks;
  int64_t max_trials = 64;  // Over all tasks.
  int64_t max_trials_per_task = 64;
  int trials_per_round = 64;
  std::string strategy = "evolutionary";
  std::string cost_model = "xgb";
  std::string scheduler = "gradient";  // or "round-robin"
  std::string strategy_params_json = "{}";
  uint64_t seed = 0;
  int search_threads = 1;
  std::vector<std::string> plugins;
  ModuleEquality equality = ModuleEquality::kStructural;
  MeasurementPolicy policy;
  absl::Duration build_timeout = absl::Seconds(30);
  int priority = 0;
  bool measure_baseline = true;  // Time the unscheduled workload of each task once.
  bool warm_start = true;        // Start from verified records of earlier jobs.
  std::string tenant;
  std::string pool;
  std::string created_by;
  absl::Time created = absl::UnixEpoch();
};

// What a search session of one task is opened with.
SearchTaskSpec SearchSpecOf(const JobDefinition& job, int task);

enum class JobState { kRunning, kPaused, kDone, kCancelled, kFailed };
std::string_view JobStateName(JobState state);
inline bool Ended(JobState state) { return state != JobState::kRunning && state != JobState::kPaused; }

// A searched round. `sequence` counts the rounds of the job over all tasks.
struct RoundPlan {
  uint32_t sequence = 0;
  uint32_t task = 0;
  uint32_t round = 0;  // Of the task.
  std::vector<SearchCandidate> candidates;
  double search_secs = 0;
  double model_secs = 0;
};

// Slot::round of the measurement of a task's unscheduled workload; its slot is 0. It is no trial.
constexpr uint32_t kBaselineRound = 0xffffffff;

// The end of one slot.
struct Outcome {
  RunResult run;
  absl::Duration build_time = absl::ZeroDuration();
  Digest artifact_key;
  std::vector<TensorInfo> args;
};

struct FailureMessage {
  std::string text;  // The first line of the first of its kind.
  int64_t count = 0;
};
struct FailureCount {
  int64_t count = 0;
  std::string example;              // Message of the first.
  std::vector<FailureMessage> top;  // The most frequent messages, most frequent first.
};

struct TaskReport {
  std::string name;
  Digest workload_id;
  double weight = 1;
  double flops = 0;
  int64_t trials = 0;  // Finished, failed ones included.
  int64_t failed = 0;
  int rounds = 0;  // Finished.
  Metric metric = Metric::kSeconds;
  double best = 0;  // 0 = none yet.
  Slot best_slot;
  std::string pool;     // Of the job; part of the best record's id.
  double baseline = 0;  // 0 = not measured.
  bool exhausted = false;
  std::string error;
  std::string ranking;  // The last line of the log on how the cost model ranks; kept since this process knows the job.
};

// Seconds summed over workers, except wall.
struct TimeSplit {
  double search = 0, model = 0, build = 0, run = 0, wall = 0;
  double run_idle = 0;  // Devices without work while candidates were owed.
};

struct JobReport {
  std::string id;
  std::string name;
  JobState state = JobState::kRunning;
  std::string reason;
  std::vector<TaskReport> tasks;
  int64_t trials = 0;
  int64_t max_trials = 0;
  std::vector<std::pair<FailureKind, FailureCount>> failures;
  TimeSplit time;
  absl::Time created = absl::UnixEpoch();
  absl::Time ended = absl::InfiniteFuture();
};

}  // namespace hone
