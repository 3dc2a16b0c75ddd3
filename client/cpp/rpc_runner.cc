#include "client/cpp/rpc_runner.h"

#include <atomic>
#include <list>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>
#include <utility>

#include "client/cpp/builder.h"
#include "client/cpp/record_client.h"
#include "client/cpp/tuning_client.h"
#include "common/script/workload_codec.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/wire/records_wire.h"

namespace hone::meta_schedule {
namespace {

using Futures = std::vector<std::shared_ptr<RunnerFuture>>;

RunnerResult Error(std::string_view message) { return {std::nullopt, StrCat("RPCRunner: ", message)}; }

// The candidates of one call that share workload and target.
struct Batch {
  std::string workload_script;
  std::string target_json;
  std::vector<std::string> traces;
  Futures futures;
};

std::string NewRequestId() {
  std::random_device random;
  return StrCat("rpc-runner-", random(), "-", random(), "-", random());
}

class RpcRunner final : public Runner {
 public:
  explicit RpcRunner(const RunnerOptions& options)
      : tuning_(options.server), records_(options.server), options_(options) {}

  ~RpcRunner() override {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
  }

  Futures Run(absl::Span<const RunnerInput> inputs) override {
    Futures out;
    std::map<std::pair<std::string, std::string>, Batch> batches;
    for (const RunnerInput& input : inputs) {
      out.push_back(std::make_shared<RunnerFuture>());
      absl::StatusOr<StoredArtifact> artifact = LoadArtifact(input.artifact_path);
      if (!artifact.ok()) {
        out.back()->Set(Error(ToStd(artifact.status().message())));
        continue;
      }
      if (artifact->kernel.has_value() || artifact->trace_json.empty()) {
        out.back()->Set(Error("the artifact is a kernel of this machine, expected one of builder \"remote\""));
        continue;
      }
      Batch& batch = batches[{artifact->workload_script, artifact->target_json}];
      batch.workload_script = artifact->workload_script;
      batch.target_json = artifact->target_json;
      batch.traces.push_back(std::move(artifact->trace_json));
      batch.futures.push_back(out.back());
    }
    for (auto& [key, batch] : batches) {
      threads_.emplace_back([this, batch = std::move(batch)] { Measure(batch); });
    }
    return out;
  }

 private:
  absl::StatusOr<v1::JobSpec> SpecOf(const Batch& batch) const {
    HONE_ASSIGN_OR_RETURN(const Workload workload, script::WorkloadOfText(batch.workload_script, "candidates"));
    v1::JobSpec spec;
    spec.set_name(StrCat("measurement of ", batch.traces.size(), " candidates"));
    spec.set_target_json(batch.target_json);
    spec.set_max_trials(static_cast<int64_t>(batch.traces.size()));
    spec.set_trials_per_round(static_cast<int32_t>(batch.traces.size()));
    spec.set_strategy("given-traces");
    spec.set_strategy_params_json(nlohmann::json{{"traces", batch.traces}}.dump());
    spec.set_cost_model("none");
    spec.set_no_baseline(true);
    *spec.mutable_policy() = ToProto(PolicyFor(options_, batch.target_json));
    v1::TaskSpec* task = spec.add_tasks();
    task->set_name("candidates");
    *task->mutable_workload() = ToProto(workload);
    return spec;
  }

  absl::Status MeasureAll(const Batch& batch, std::vector<bool>& set) {
    v1::SubmitJobRequest request;
    HONE_ASSIGN_OR_RETURN(*request.mutable_spec(), SpecOf(batch));
    request.set_request_id(NewRequestId());
    HONE_ASSIGN_OR_RETURN(const v1::SubmitJobResponse job, tuning_.SubmitJob(request));
    HONE_RETURN_IF_ERROR(tuning_.WatchJob(job.job_id(), stop_, absl::Minutes(5), [](const v1::JobEvent&) {}));
    v1::ListRecordsRequest list;
    list.set_job_id(job.job_id());
    list.set_include_failed(true);
    list.set_limit(1000);
    while (true) {
      HONE_ASSIGN_OR_RETURN(const v1::ListRecordsResponse page, records_.ListRecords(list));
      for (const v1::TuningRecord& proto : page.records()) {
        HONE_ASSIGN_OR_RETURN(TuningRecord record, FromProto(proto));
        const uint32_t slot = record.slot.slot;
        if (slot >= batch.futures.size() || set[slot]) continue;
        set[slot] = true;
        batch.futures[slot]->Set(ToRunnerResult(std::move(record.run)));
      }
      if (page.cursor() == 0) break;
      list.set_after(page.cursor());
    }
    HONE_ASSIGN_OR_RETURN(const v1::JobReport report, tuning_.GetJob(job.job_id()));
    if (report.state() == v1::JOB_STATE_DONE) return absl::OkStatus();
    return absl::AbortedError(StrCat("job ", job.job_id(), " was not done: ", report.reason()));
  }

  void Measure(const Batch& batch) {
    std::vector<bool> set(batch.futures.size(), false);
    const absl::Status status = MeasureAll(batch, set);
    for (size_t i = 0; i < set.size(); ++i) {
      if (set[i]) continue;
      batch.futures[i]->Set(
          Error(status.ok() ? "the job ended without a record of this candidate" : ToStd(status.message())));
    }
  }

  TuningClient tuning_;
  RecordClient records_;
  const RunnerOptions options_;
  std::atomic<bool> stop_{false};
  std::list<std::thread> threads_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Runner>> CreateRpcRunner(const RunnerOptions& options) {
  if (options.server == nullptr) return absl::InvalidArgumentError("runner \"rpc\" needs a server to reach its farm");
  return std::unique_ptr<Runner>(std::make_unique<RpcRunner>(options));
}

}  // namespace hone::meta_schedule
