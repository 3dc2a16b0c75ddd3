#include "client/cpp/measure_callback.h"

#include <filesystem>
#include <numeric>
#include <utility>

#include "client/cpp/task_scheduler.h"
#include "common/schedule/trace_json.h"
#include "common/support/log.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "worker/local/device_class.h"

namespace hone::meta_schedule {
namespace {

class AddToDatabase final : public MeasureCallback {
 public:
  std::string name() const override { return "AddToDatabase"; }
  absl::Status Apply(TaskScheduler& scheduler, int task_id, absl::Span<const MeasureCandidate> candidates,
                     absl::Span<const BuilderResult> builds, absl::Span<const RunnerResult> results) override {
    if (scheduler.database() == nullptr) return absl::OkStatus();
    TuneContext& context = *scheduler.task(task_id).context;
    HONE_ASSIGN_OR_RETURN(const Workload workload, scheduler.database()->CommitWorkload(context.mod()));
    for (size_t i = 0; i < candidates.size(); ++i) {
      TuningRecord record;
      HONE_ASSIGN_OR_RETURN(record.trace_json, schedule::TraceToJson(candidates[i].sch->trace()));
      record.workload = workload;
      record.run_secs = results[i].run_secs.value_or(std::vector<double>{kFailedCost});
      record.target = context.target();
      record.args_info = candidates[i].args_info;
      ::hone::TuningRecord stored = StoredRecord(results[i], scheduler.device_json());
      if (builds[i].error_msg.has_value()) {
        stored.run.failure = Failure{FailureKind::kBuild, *builds[i].error_msg};
        stored.trust = Trust::kFailed;
      }
      // A slot of its own makes its identity: the same trace may be measured twice.
      stored.slot = {scheduler.job_id(), static_cast<uint32_t>(task_id),
                     static_cast<uint32_t>(scheduler.task(task_id).batches), static_cast<uint32_t>(i)};
      record.stored = std::move(stored);
      HONE_RETURN_IF_ERROR(scheduler.database()->CommitTuningRecord(record));
    }
    return absl::OkStatus();
  }
};

class RemoveBuildArtifact final : public MeasureCallback {
 public:
  std::string name() const override { return "RemoveBuildArtifact"; }
  absl::Status Apply(TaskScheduler&, int, absl::Span<const MeasureCandidate>, absl::Span<const BuilderResult> builds,
                     absl::Span<const RunnerResult>) override {
    for (const BuilderResult& build : builds) {
      if (!build.artifact_path.has_value()) continue;
      const std::filesystem::path folder = std::filesystem::path(*build.artifact_path).parent_path();
      std::error_code error;
      std::filesystem::remove_all(folder, error);
      if (error) {
        HONE_LOG(kWarning) << "cannot remove the artifact " << folder.string() << ": " << error.message();
      }
    }
    return absl::OkStatus();
  }
};

class UpdateCostModel final : public MeasureCallback {
 public:
  std::string name() const override { return "UpdateCostModel"; }
  absl::Status Apply(TaskScheduler& scheduler, int task_id, absl::Span<const MeasureCandidate> candidates,
                     absl::Span<const BuilderResult> builds, absl::Span<const RunnerResult> results) override {
    if (scheduler.cost_model() == nullptr) return absl::OkStatus();
    std::vector<MeasureCandidate> kept;
    std::vector<RunnerResult> kept_results;
    for (size_t i = 0; i < candidates.size(); ++i) {
      if (builds[i].error_msg.has_value()) continue;
      const std::vector<double> secs = results[i].run_secs.value_or(std::vector<double>{});
      if (!results[i].error_msg.has_value() && !(std::accumulate(secs.begin(), secs.end(), 0.0) > 0)) continue;
      kept.push_back(candidates[i]);
      kept_results.push_back(results[i]);
    }
    return scheduler.cost_model()->Update(*scheduler.task(task_id).context, kept, kept_results);
  }
};

class FunctionCallback final : public MeasureCallback {
 public:
  FunctionCallback(std::string name, Function function) : name_(std::move(name)), function_(std::move(function)) {}
  std::string name() const override { return name_; }
  absl::Status Apply(TaskScheduler& scheduler, int task_id, absl::Span<const MeasureCandidate> candidates,
                     absl::Span<const BuilderResult> builds, absl::Span<const RunnerResult> results) override {
    return function_(scheduler, task_id, candidates, builds, results);
  }

 private:
  const std::string name_;
  const Function function_;
};

}  // namespace

absl::StatusOr<std::vector<std::shared_ptr<MeasureCallback>>> MeasureCallback::Create(std::string_view kind) {
  std::vector<std::shared_ptr<MeasureCallback>> out;
  if (kind == "default" || kind == "add-to-database") out.push_back(std::make_shared<AddToDatabase>());
  if (kind == "default" || kind == "remove-build-artifact") out.push_back(std::make_shared<RemoveBuildArtifact>());
  if (kind == "default" || kind == "update-cost-model") out.push_back(std::make_shared<UpdateCostModel>());
  if (!out.empty()) return out;
  return absl::InvalidArgumentError(
      StrCat("measure callback \"", kind,
             "\", expected default, add-to-database, remove-build-artifact or update-cost-model"));
}

std::shared_ptr<MeasureCallback> MeasureCallback::Of(std::string name, Function function) {
  return std::make_shared<FunctionCallback>(std::move(name), std::move(function));
}

}  // namespace hone::meta_schedule
