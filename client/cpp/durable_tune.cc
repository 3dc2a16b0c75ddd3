#include "client/cpp/durable_tune.h"

#include <atomic>
#include <random>
#include <thread>
#include <utility>

#include "absl/synchronization/notification.h"
#include "client/cpp/record_client.h"
#include "client/cpp/tuning_client.h"
#include "common/script/workload_codec.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/wire/records_wire.h"

namespace hone::meta_schedule {
namespace {

// Sets `stop` when the user's function says so.
class StopWatcher {
 public:
  StopWatcher(std::function<bool()> asked, std::atomic<bool>& stop)
      : thread_([this, asked = std::move(asked), &stop] {
          while (!done_.WaitForNotificationWithTimeout(absl::Milliseconds(100))) {
            if (asked == nullptr || !asked()) continue;
            stop = true;
            return;
          }
        }) {}
  ~StopWatcher() {
    done_.Notify();
    thread_.join();
  }

 private:
  absl::Notification done_;
  std::thread thread_;
};

}  // namespace

v1::JobSpec JobSpecOf(const DurableSettings& settings) {
  v1::JobSpec spec;
  for (const DurableTask& task : settings.tasks) {
    v1::TaskSpec* out = spec.add_tasks();
    out->set_name(task.name);
    *out->mutable_workload() = ToProto(script::WorkloadOfModule(task.mod, task.name));
    out->set_weight(task.weight);
    out->set_target_json(task.target_json);
    out->set_space(task.space);
  }
  spec.set_name(settings.tasks.empty() ? "" : settings.tasks[0].name);
  spec.set_target_json(settings.target_json);
  spec.set_max_trials(settings.max_trials_global);
  spec.set_max_trials_per_task(settings.max_trials_per_task);
  spec.set_trials_per_round(settings.num_trials_per_iter);
  spec.set_strategy(settings.strategy);
  spec.set_strategy_params_json(settings.strategy_params_json);
  spec.set_cost_model(settings.cost_model);
  spec.set_scheduler(settings.task_scheduler);
  spec.set_space(settings.space);
  spec.set_seed(settings.seed);
  spec.set_search_threads(settings.search_threads);
  spec.set_equality(ToProto(static_cast<ModuleEquality>(settings.module_equality)));
  return spec;
}

absl::Status CopyJobRecords(const std::shared_ptr<Connection>& server, const std::string& job_id,
                            const std::vector<DurableTask>& tasks, const std::string& target_json, Database& database) {
  RecordClient records(server);
  std::vector<Workload> workloads;
  for (const DurableTask& task : tasks) {
    HONE_ASSIGN_OR_RETURN(Workload workload, database.CommitWorkload(task.mod));
    workloads.push_back(std::move(workload));
  }
  v1::ListRecordsRequest request;
  request.set_job_id(job_id);
  request.set_include_failed(true);
  request.set_limit(1000);
  while (true) {
    HONE_ASSIGN_OR_RETURN(const v1::ListRecordsResponse page, records.ListRecords(request));
    for (const v1::TuningRecord& proto : page.records()) {
      TuningRecord record;
      HONE_ASSIGN_OR_RETURN(record.stored, FromProto(proto));
      const uint32_t task = record.stored->slot.task;
      if (task >= workloads.size()) {
        return absl::InternalError(
            StrCat("a record of job ", job_id, " is of task ", task, ", which it does not have"));
      }
      record.trace_json = record.stored->trace_json;
      record.workload = workloads[task];
      record.run_secs = TvmRunSecs(*record.stored);
      record.args_info = record.stored->args_info;
      const std::string& made_for = tasks[task].target_json.empty() ? target_json : tasks[task].target_json;
      HONE_ASSIGN_OR_RETURN(record.target, Target::Parse(made_for));
      HONE_RETURN_IF_ERROR(database.CommitTuningRecord(record));
    }
    if (page.cursor() == 0) return absl::OkStatus();
    request.set_after(page.cursor());
  }
}

absl::Status TuneAsJob(const std::shared_ptr<Connection>& server, const DurableSettings& settings, Database& database) {
  TuningClient tuning(server);
  v1::SubmitJobRequest request;
  *request.mutable_spec() = JobSpecOf(settings);
  std::random_device random;
  request.set_request_id(StrCat("tune-", random(), "-", random(), "-", random()));
  HONE_ASSIGN_OR_RETURN(const v1::SubmitJobResponse job, tuning.SubmitJob(request));
  std::atomic<bool> stop{false};
  absl::Status watched;
  {
    StopWatcher watcher(settings.stop, stop);
    watched = tuning.WatchJob(job.job_id(), stop, absl::Minutes(5), [](const v1::JobEvent&) {});
  }
  if (stop) {
    HONE_RETURN_IF_ERROR(tuning.CancelJob(job.job_id()).status());
  } else {
    HONE_RETURN_IF_ERROR(watched);
  }
  HONE_RETURN_IF_ERROR(CopyJobRecords(server, job.job_id(), settings.tasks, settings.target_json, database));
  HONE_ASSIGN_OR_RETURN(const v1::JobReport report, tuning.GetJob(job.job_id()));
  if (stop || report.state() == v1::JOB_STATE_DONE) return absl::OkStatus();
  return absl::AbortedError(StrCat("job ", job.job_id(), " was not done: ", report.reason()));
}

}  // namespace hone::meta_schedule
