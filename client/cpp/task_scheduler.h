// Task schedulers and the tune loop (reference/scheduling.md sections 1 to 4).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/builder.h"
#include "client/cpp/cost_model.h"
#include "client/cpp/database.h"
#include "client/cpp/measure_callback.h"
#include "client/cpp/runner.h"
#include "client/cpp/tune_context.h"

namespace hone::meta_schedule {

// Where a task stands.
struct TaskRecord {
  std::shared_ptr<TuneContext> context;
  double task_weight = 1;
  double flop = 1;  // Of the unscheduled module, at least 1.
  bool is_terminated = false;
  int build_error_count = 0;
  int run_error_count = 0;
  int batches = 0;                 // Joined.
  std::vector<double> latency_ms;  // One a finished trial; 1e9 for a failure.
  // The batch in hand; `futures` is set while there is one.
  std::vector<MeasureCandidate> measure_candidates;
  std::vector<BuilderResult> builder_results;
  std::optional<std::vector<std::shared_ptr<RunnerFuture>>> runner_futures;
};

// 1e9 ms for failures and for a task without trials.
double BestLatencyMs(const TaskRecord& task);

struct TuneOptions {
  std::vector<std::shared_ptr<TuneContext>> tasks;
  std::vector<double> task_weights;  // As many as tasks.
  int64_t max_trials_global = 0;
  int64_t max_trials_per_task = 0;
  int num_trials_per_iter = 64;
  std::shared_ptr<Builder> builder;
  std::shared_ptr<Runner> runner;
  std::vector<std::shared_ptr<MeasureCallback>> measure_callbacks;
  std::shared_ptr<Database> database = nullptr;
  std::shared_ptr<CostModel> cost_model = nullptr;
  // Asked between batches; true ends the tuning as if the budget were spent.
  std::function<bool()> stop = nullptr;
};

// Derive from it for a scheduler of your own: NextTaskId is required, JoinRunningTask and Tune may be overridden. All
// methods on one thread.
class TaskScheduler {
 public:
  virtual ~TaskScheduler() = default;

  // The task for the next batch; -1 when none is left.
  virtual absl::StatusOr<int> NextTaskId() = 0;
  // Waits for the batch of a task, tells strategy and callbacks, and notes its latencies. FailedPrecondition when there
  // is no batch.
  virtual absl::StatusOr<std::vector<RunnerResult>> JoinRunningTask(int task_id);
  // Tunes until the budget is spent or no task is left. InvalidArgument for bad options. A batch is measured while the
  // next task's is searched, when the runner works beside the caller.
  virtual absl::Status Tune(TuneOptions options);

  // FailedPrecondition when it is terminated already.
  absl::Status TerminateTask(int task_id);
  // Joins the task's batch if all of it is done.
  absl::Status TouchTask(int task_id);
  // The statistics table to the log.
  void PrintTuningStatistics() const;
  std::string TuningStatistics() const;

  int num_tasks() const { return static_cast<int>(tasks_.size()); }
  const TaskRecord& task(int task_id) const { return tasks_[task_id]; }
  // What Tune was called with.
  const TuneOptions& options() const { return options_; }
  Database* database() const { return options_.database.get(); }
  CostModel* cost_model() const { return options_.cost_model.get(); }
  const std::string& device_json() const { return device_json_; }
  // Distinguishes this call of Tune in the records it makes.
  const std::string& job_id() const { return job_id_; }
  void set_logger(Logger logger) { logger_ = std::move(logger); }

  // "gradient" (default, alpha 0.2, window 3, random ties by `seed`) or "round-robin". InvalidArgument for another.
  static absl::StatusOr<std::unique_ptr<TaskScheduler>> Create(std::string_view kind = "gradient", int64_t seed = -1);

 protected:
  // Called when Tune starts, after the tasks were made.
  virtual void BeginTuning() {}

 private:
  absl::Status Prepare();
  absl::Status TuneLoop();
  absl::Status SendBatch(int task_id, std::vector<MeasureCandidate> candidates);
  absl::Status EndTask(int task_id);
  void LogTrial(int task_id, const MeasureCandidate& candidate, const RunnerResult& result, bool built) const;
  void Log(const std::string& text) const;

  TuneOptions options_;
  std::vector<TaskRecord> tasks_;
  int remaining_tasks_ = 0;
  std::string device_json_;
  std::string job_id_;
  Logger logger_;
};

}  // namespace hone::meta_schedule
