#include "client/cli/tune_embedded.h"

#include <unistd.h>

#include <cstdio>
#include <thread>

#include "absl/synchronization/notification.h"
#include "client/cli/exit_code.h"
#include "client/cli/interrupt.h"
#include "client/cli/post_optimize.h"
#include "client/cli/report_json.h"
#include "client/cli/report_text.h"
#include "common/measure/timing_lock.h"
#include "common/script/parser.h"
#include "common/script/workload_codec.h"
#include "common/support/status_macros.h"
#include "server/database/json_database.h"
#include "server/search/search_service.h"
#include "server/tuning/isolated_search.h"
#include "server/tuning/local_farm.h"
#include "server/wire/jobs_wire.h"
#include "worker/local/device_class.h"
#include "worker/local/local_measure.h"

namespace hone::cli {
namespace {

// Runs in the searching process: from the first task on it is paused while a kernel is timed.
absl::StatusOr<std::unique_ptr<SearchSession>> OpenPausedWhileTiming(const SearchTaskSpec& spec) {
  static const bool registered = [] {
    if (TimingLock* lock = TimingLock::Host(); lock != nullptr) lock->Register(getpid());
    return true;
  }();
  (void)registered;
  return OpenSearchSession(spec);
}

// Passes an interruption on to the farm.
class InterruptForwarder {
 public:
  InterruptForwarder(const std::atomic<bool>& interrupted, LocalFarm& farm, SearchRunner& search)
      : thread_([this, &interrupted, &farm, &search] {
          while (!done_.WaitForNotificationWithTimeout(absl::Milliseconds(20))) {
            if (!interrupted) continue;
            farm.Interrupt();
            search.Interrupt();
            return;
          }
        }) {}
  ~InterruptForwarder() {
    done_.Notify();
    thread_.join();
  }

 private:
  absl::Notification done_;
  std::thread thread_;
};

void FillRecordIds(const JobDefinition& job, v1::JobReport* report, const JobReport& from) {
  for (size_t i = 0; i < from.tasks.size(); ++i) {
    if (from.tasks[i].best <= 0) continue;
    TuningRecord record;
    record.pool = job.pool;
    record.slot = from.tasks[i].best_slot;
    report->mutable_tasks(static_cast<int>(i))->set_best_record_id(RecordId(record).Raw());
  }
}

// Droplet search after the job; the report then has what it found.
absl::Status PostOptimize(const JobDefinition& job, std::unique_ptr<JsonDatabase> storage, LocalMeasure& measure,
                          v1::JobReport* report) {
  const auto database = meta_schedule::MakeStoredDatabase(std::move(storage));
  const auto builder = meta_schedule::LocalBuilderOver(measure.builder(), job.build_timeout);
  const auto runner =
      meta_schedule::LocalRunnerOver(measure.runner(), {.timeout = job.policy.timeout, .policy = job.policy});
  HONE_RETURN_IF_ERROR(PostOptimizeJob(job, *database, *builder, *runner));
  for (size_t i = 0; i < job.tasks.size(); ++i) {
    HONE_ASSIGN_OR_RETURN(const ir::IRModule module, script::ParseModule(job.tasks[i].workload.script));
    HONE_ASSIGN_OR_RETURN(const meta_schedule::Workload workload, database->CommitWorkload(module));
    HONE_ASSIGN_OR_RETURN(const auto best, database->GetTopK(workload, 1));
    v1::TaskReport* task = report->mutable_tasks(static_cast<int>(i));
    if (best.empty() || best[0].stored->run.median >= task->best()) continue;
    task->set_best(best[0].stored->run.median);
    task->set_best_record_id(best[0].stored->id.Raw());
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::JobReport> Run(JobDefinition job, const EmbeddedOptions& options,
                                  const std::atomic<bool>& interrupted) {
  // Both fork, so they come before anything that has threads.
  IsolatedSearch search(OpenPausedWhileTiming);
  LocalMeasureOptions measure_options;
  measure_options.target_json = job.tasks[0].target_json;
  HONE_ASSIGN_OR_RETURN(std::unique_ptr<LocalMeasure> measure, LocalMeasure::Create(measure_options));
  JsonDatabaseOptions database_options;
  database_options.equality = job.equality;
  database_options.codec = script::GraphCodec();
  HONE_ASSIGN_OR_RETURN(std::unique_ptr<JsonDatabase> database, JsonDatabase::Open(options.work_dir, database_options));
  for (const std::string& warning : database->warnings()) std::fprintf(stderr, "hone: %s\n", warning.c_str());

  JobProgress progress(stderr);
  LocalFarmOptions farm_options;
  farm_options.build_threads = measure->build_workers();
  farm_options.run_threads = measure->run_slots();
  farm_options.revisions.codegen = measure->codegen_revision();
  farm_options.device.json = measure->runner().DeviceFingerprintJson();
  farm_options.device.device_class = DeviceClassOf(farm_options.device.json);
  LocalFarm farm(*database, search, measure->builder(), measure->runner(), farm_options, [&](const TuningEvent& event) {
    if (event.kind == TuningEvent::Kind::kLog) progress.Line(event.log);
    progress.Update(ToProto(event.report));
  });
  JobReport report;
  {
    InterruptForwarder forwarder(interrupted, farm, search);
    HONE_ASSIGN_OR_RETURN(report, farm.Run(job));
  }
  progress.Finish();
  v1::JobReport proto = ToProto(report);
  FillRecordIds(job, &proto, report);
  if (options.post_optimization && report.state == JobState::kDone) {
    HONE_RETURN_IF_ERROR(PostOptimize(job, std::move(database), *measure, &proto));
  }
  return proto;
}

}  // namespace

int TuneEmbedded(JobDefinition job, const EmbeddedOptions& options) {
  const std::atomic<bool>& interrupted = CatchInterrupt();
  absl::StatusOr<v1::JobReport> report = Run(std::move(job), options, interrupted);
  if (!report.ok()) return Report(report.status());
  std::fputs(options.json ? (JobJson(*report) + "\n").c_str() : JobSummary(*report).c_str(), stdout);
  if (interrupted) {
    std::fprintf(stderr, "interrupted; what was measured is in %s\n", options.work_dir.c_str());
    return kExitInterrupted;
  }
  return report->state() == v1::JOB_STATE_DONE ? kExitOk : kExitFailed;
}

}  // namespace hone::cli
