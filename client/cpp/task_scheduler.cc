#include "client/cpp/task_scheduler.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <random>
#include <utility>

#include "common/schedule/trace_json.h"
#include "common/script/printer.h"
#include "common/support/profiler.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/workload/flops.h"

namespace hone::meta_schedule {
namespace {

constexpr double kFailedMs = 1e9;

std::string TaskName(int task_id, const TaskRecord& task) {
  return StrCat("[Task #", task_id, ": ", task.context->task_name(), "]");
}

// An already known result.
std::shared_ptr<RunnerFuture> Known(std::string error) {
  return std::make_shared<RunnerFuture>(RunnerResult{std::nullopt, std::move(error)});
}

}  // namespace

double BestLatencyMs(const TaskRecord& task) {
  double best = kFailedMs;
  for (double ms : task.latency_ms) best = std::min(best, ms);
  return best;
}

void TaskScheduler::Log(const std::string& text) const {
  if (logger_ != nullptr) {
    logger_(LogLevel::kInfo, text);
  } else {
    HONE_LOG(kInfo) << text;
  }
}

absl::Status TaskScheduler::Prepare() {
  const TuneOptions& o = options_;
  if (o.tasks.empty() || o.tasks.size() != o.task_weights.size()) {
    return absl::InvalidArgumentError(
        StrCat(o.tasks.size(), " tasks with ", o.task_weights.size(), " weights, expected as many and at least one"));
  }
  if (o.builder == nullptr || o.runner == nullptr) {
    return absl::InvalidArgumentError("tuning needs a builder and a runner");
  }
  if (o.max_trials_global < 0 || o.max_trials_per_task < 0 || o.num_trials_per_iter < 1) {
    return absl::InvalidArgumentError(StrCat("max_trials_global ", o.max_trials_global, ", max_trials_per_task ",
                                             o.max_trials_per_task, ", num_trials_per_iter ", o.num_trials_per_iter,
                                             ": expected no negative number and at least one trial an iteration"));
  }
  device_json_ = o.runner->DeviceFingerprintJson();
  std::random_device random;
  job_id_ = StrCat("tune-", random(), "-", random());
  tasks_.clear();
  for (size_t i = 0; i < o.tasks.size(); ++i) {
    const std::shared_ptr<TuneContext>& context = o.tasks[i];
    if (context == nullptr || !context->mod() || context->space_generator() == nullptr ||
        context->search_strategy() == nullptr) {
      return absl::InvalidArgumentError(
          StrCat("task ", i, " lacks its context, or that a module, a space generator or a search strategy"));
    }
    TaskRecord task;
    task.context = context;
    task.task_weight = o.task_weights[i];
    task.flop = std::max(1.0, workload::EstimateFlops(context->mod()));
    HONE_RETURN_IF_ERROR(context->Initialize());
    tasks_.push_back(std::move(task));
  }
  remaining_tasks_ = num_tasks();
  for (int i = 0; i < num_tasks(); ++i) {
    TuneContext& context = *tasks_[i].context;
    context.Log(LogLevel::kInfo,
                StrCat("Initializing Task #", i, ": ", context.task_name(), "\n", script::PrintModule(context.mod())));
    PreTuningOptions pre;
    HONE_ASSIGN_OR_RETURN(pre.design_spaces, context.GenerateDesignSpace());
    context.Log(LogLevel::kInfo, StrCat("Total ", pre.design_spaces.size(), " design space(s) generated"));
    for (size_t s = 0; s < pre.design_spaces.size(); ++s) {
      context.Log(LogLevel::kInfo,
                  StrCat("Design space #", s, ":\n", script::PrintModule(pre.design_spaces[s].module()), "\n",
                         pre.design_spaces[s].trace().Simplified(true).ToString()));
    }
    pre.max_trials = o.max_trials_per_task;
    pre.num_trials_per_iter = o.num_trials_per_iter;
    pre.database = o.database;
    pre.cost_model = o.cost_model;
    HONE_RETURN_IF_ERROR(context.search_strategy()->PreTuning(std::move(pre)));
  }
  BeginTuning();
  return absl::OkStatus();
}

absl::Status TaskScheduler::Tune(TuneOptions options) {
  options_ = std::move(options);
  HONE_RETURN_IF_ERROR(Prepare());
  absl::Status status = TuneLoop();
  for (int i = 0; i < num_tasks(); ++i) {
    const absl::Status ended = EndTask(i);
    status.Update(ended);
  }
  return status;
}

absl::Status TaskScheduler::TuneLoop() {
  int64_t trials = 0;
  while (trials < options_.max_trials_global) {
    if (options_.stop != nullptr && options_.stop()) {
      Log("Stopped on request");
      return absl::OkStatus();
    }
    HONE_ASSIGN_OR_RETURN(const int id, NextTaskId());
    if (id < 0) return absl::OkStatus();
    TaskRecord& task = tasks_[id];
    if (static_cast<int64_t>(task.latency_ms.size()) >= options_.max_trials_per_task) {
      HONE_RETURN_IF_ERROR(TerminateTask(id));
      continue;
    }
    HONE_ASSIGN_OR_RETURN(auto candidates, task.context->search_strategy()->GenerateMeasureCandidates());
    if (!candidates.has_value()) {
      HONE_RETURN_IF_ERROR(TerminateTask(id));
      continue;
    }
    trials += static_cast<int64_t>(candidates->size());
    HONE_RETURN_IF_ERROR(SendBatch(id, *std::move(candidates)));
  }
  return absl::OkStatus();
}

absl::Status TaskScheduler::EndTask(int task_id) {
  TaskRecord& task = tasks_[task_id];
  absl::Status status;
  if (!task.is_terminated) {
    if (task.runner_futures.has_value()) status = JoinRunningTask(task_id).status();
    status.Update(TerminateTask(task_id));
  }
  status.Update(task.context->search_strategy()->PostTuning());
  return status;
}

absl::Status TaskScheduler::SendBatch(int task_id, std::vector<MeasureCandidate> candidates) {
  TaskRecord& task = tasks_[task_id];
  {
    const Profiler::Scope scope("SendToBuilder");
    std::vector<BuilderInput> inputs;
    for (const MeasureCandidate& candidate : candidates) {
      BuilderInput input{candidate.sch->module(), task.context->target()};
      input.workload = task.context->mod();
      HONE_ASSIGN_OR_RETURN(input.trace_json, schedule::TraceToJson(candidate.sch->trace()));
      inputs.push_back(std::move(input));
    }
    task.builder_results = options_.builder->Build(inputs);
    if (task.builder_results.size() != inputs.size()) {
      return absl::InternalError(
          StrCat("the builder gave ", task.builder_results.size(), " results for ", inputs.size(), " inputs"));
    }
  }
  const Profiler::Scope scope("SendToRunner");
  std::vector<RunnerInput> inputs;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (task.builder_results[i].error_msg.has_value()) continue;
    inputs.push_back({*task.builder_results[i].artifact_path, task.context->target().kind(), candidates[i].args_info});
  }
  const std::vector<std::shared_ptr<RunnerFuture>> futures = options_.runner->Run(inputs);
  if (futures.size() != inputs.size()) {
    return absl::InternalError(StrCat("the runner gave ", futures.size(), " futures for ", inputs.size(), " inputs"));
  }
  task.runner_futures.emplace();
  size_t next = 0;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const BuilderResult& build = task.builder_results[i];
    task.runner_futures->push_back(build.error_msg.has_value() ? Known(*build.error_msg) : futures[next++]);
  }
  task.measure_candidates = std::move(candidates);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<RunnerResult>> TaskScheduler::JoinRunningTask(int task_id) {
  TaskRecord& task = tasks_[task_id];
  if (!task.runner_futures.has_value()) {
    return absl::FailedPreconditionError(StrCat("task #", task_id, " has no batch that runs"));
  }
  std::vector<RunnerResult> results;
  {
    const Profiler::Scope scope("JoinRunnerFutures");
    for (const std::shared_ptr<RunnerFuture>& future : *task.runner_futures) results.push_back(future->Result());
  }
  HONE_RETURN_IF_ERROR(task.context->search_strategy()->NotifyRunnerResults(task.measure_candidates, results));
  for (const std::shared_ptr<MeasureCallback>& callback : options_.measure_callbacks) {
    const Profiler::Scope scope(StrCat("MeasureCallback/", callback->name()));
    HONE_RETURN_IF_ERROR(callback->Apply(*this, task_id, task.measure_candidates, task.builder_results, results));
  }
  for (size_t i = 0; i < results.size(); ++i) {
    const bool built = !task.builder_results[i].error_msg.has_value();
    const bool failed = !built || results[i].error_msg.has_value();
    if (!built) {
      ++task.build_error_count;
    } else if (failed) {
      ++task.run_error_count;
    }
    task.latency_ms.push_back(failed ? kFailedMs : MedianSeconds(results[i]) * 1e3);
    LogTrial(task_id, task.measure_candidates[i], results[i], built);
  }
  ++task.batches;
  task.measure_candidates.clear();
  task.builder_results.clear();
  task.runner_futures.reset();
  Log(StrCat("[Updated] Task #", task_id, ": ", task.context->task_name()));
  PrintTuningStatistics();
  return results;
}

void TaskScheduler::LogTrial(int task_id, const MeasureCandidate& candidate, const RunnerResult& result,
                             bool built) const {
  const TaskRecord& task = tasks_[task_id];
  const double ms = task.latency_ms.back();
  std::string text = StrCat(TaskName(task_id, task), " Trial #", task.latency_ms.size(), ": ");
  if (!built || result.error_msg.has_value()) {
    StrAppend(&text, "Error in ", built ? "running" : "building", ":\n", result.error_msg.value_or(""), "\n",
              script::PrintModule(candidate.sch->module()), "\n", candidate.sch->trace().ToString());
  } else {
    StrAppend(&text, "GFLOPs: ", FourDecimals(task.flop / ms / 1e6), ". Time: ", FourDecimals(ms * 1e3),
              " us. Best GFLOPs: ", FourDecimals(task.flop / BestLatencyMs(task) / 1e6));
  }
  task.context->Log(LogLevel::kInfo, text);
}

absl::Status TaskScheduler::TerminateTask(int task_id) {
  TaskRecord& task = tasks_[task_id];
  if (task.is_terminated) return absl::FailedPreconditionError(StrCat("task #", task_id, " is terminated already"));
  task.is_terminated = true;
  --remaining_tasks_;
  Log(StrCat("Task #", task_id, " has finished. Remaining task(s): ", remaining_tasks_));
  PrintTuningStatistics();
  return absl::OkStatus();
}

absl::Status TaskScheduler::TouchTask(int task_id) {
  TaskRecord& task = tasks_[task_id];
  if (task.is_terminated || !task.runner_futures.has_value()) return absl::OkStatus();
  for (const std::shared_ptr<RunnerFuture>& future : *task.runner_futures) {
    if (!future->Done()) return absl::OkStatus();
  }
  return JoinRunningTask(task_id).status();
}

std::string TaskScheduler::TuningStatistics() const {
  std::vector<std::vector<std::string>> rows = {
      {"ID", "Name", "FLOP", "Weight", "Speed (GFLOPS)", "Latency (us)", "Weighted Latency (us)", "Trials", "Done"},
      {}};
  int64_t total_trials = 0;
  double total_latency = 0;
  for (int i = 0; i < num_tasks(); ++i) {
    const TaskRecord& task = tasks_[i];
    std::vector<std::string> row = {StrCat(i), task.context->task_name(), StrCat(static_cast<int64_t>(task.flop)),
                                    StrCat(static_cast<int64_t>(task.task_weight))};
    const double best = BestLatencyMs(task);
    if (best >= kFailedMs) {
      row.insert(row.end(), {"N/A", "N/A", "N/A"});
    } else {
      const double us = best * 1e3;
      row.insert(row.end(),
                 {FourDecimals(task.flop / us / 1e3), FourDecimals(us), FourDecimals(us * task.task_weight)});
      total_latency += us * task.task_weight;
      total_trials += static_cast<int64_t>(task.latency_ms.size());
    }
    row.push_back(StrCat(task.latency_ms.size()));
    row.push_back(task.is_terminated ? "Y" : "");
    rows.push_back(std::move(row));
  }
  rows.push_back({});
  return StrCat(FormatPeerTable(rows), "\nTotal trials: ", total_trials,
                "\nTotal latency (us): ", FourDecimals(total_latency), "\n");
}

void TaskScheduler::PrintTuningStatistics() const { Log(StrCat("\n", TuningStatistics())); }

}  // namespace hone::meta_schedule
