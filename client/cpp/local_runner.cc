#include "client/cpp/local_runner.h"

#include <deque>
#include <functional>
#include <map>
#include <thread>
#include <utility>

#include "client/cpp/builder.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "worker/local/local_measure.h"

namespace hone::meta_schedule {
namespace {

// One thread measures; futures are set in the order of the calls.
class LocalRunner final : public Runner {
 public:
  // `owned` may be null.
  LocalRunner(hone::Runner& runner, std::unique_ptr<LocalMeasure> owned, RunnerOptions options)
      : owned_(std::move(owned)), runner_(runner), options_(std::move(options)), thread_([this] { Serve(); }) {}

  ~LocalRunner() override {
    {
      std::lock_guard lock(mutex_);
      closed_ = true;
    }
    ready_.notify_all();
    thread_.join();
  }

  std::string DeviceFingerprintJson() const override { return runner_.DeviceFingerprintJson(); }

  std::vector<std::shared_ptr<RunnerFuture>> Run(absl::Span<const RunnerInput> inputs) override {
    std::vector<std::shared_ptr<RunnerFuture>> out;
    {
      std::lock_guard lock(mutex_);
      for (const RunnerInput& input : inputs) {
        out.push_back(std::make_shared<RunnerFuture>());
        jobs_.push_back({input, out.back()});
      }
    }
    ready_.notify_all();
    return out;
  }

 private:
  struct Job {
    RunnerInput input;
    std::shared_ptr<RunnerFuture> future;
  };

  void Serve() {
    while (true) {
      Job job;
      {
        std::unique_lock lock(mutex_);
        ready_.wait(lock, [this] { return closed_ || !jobs_.empty(); });
        if (jobs_.empty()) return;
        job = std::move(jobs_.front());
        jobs_.pop_front();
        if (closed_) {
          job.future->Set({std::nullopt, "LocalRunner: the runner was closed before this ran"});
          continue;
        }
      }
      job.future->Set(Measure(job.input));
    }
  }

  RunnerResult Measure(const RunnerInput& input) {
    absl::StatusOr<StoredArtifact> artifact = LoadArtifact(input.artifact_path);
    if (!artifact.ok()) {
      return {std::nullopt, StrCat("LocalRunner: An exception occurred\n", ToStd(artifact.status().message()))};
    }
    if (!artifact->kernel.has_value()) {
      return {std::nullopt, "LocalRunner: the artifact is a packed candidate, expected one of a local builder"};
    }
    if (artifact->kernel->args != input.args_info) {
      return {std::nullopt, "LocalRunner: args_info differs from the kernel's parameters"};
    }
    RunRequest request;
    request.artifact = *std::move(artifact->kernel);
    request.workload_script = std::move(artifact->workload_script);
    request.target_json = std::move(artifact->target_json);
    request.policy = PolicyFor(options_, request.target_json);
    // Nothing to hold it against: the time then does not count as verified.
    if (request.workload_script.empty()) request.policy.check_result = false;
    double& best = best_[request.workload_script];
    if (best > 0) request.best_so_far = best;
    RunResult result = runner_.Run(request);
    if (!result.failure.has_value() && !request.workload_script.empty()) {
      best = best > 0 ? std::min(best, result.median) : result.median;
    }
    RunnerResult out = ToRunnerResult(std::move(result));
    if (out.error_msg.has_value()) {
      const bool late = out.measured->failure->kind == FailureKind::kRunTimeout;
      out.error_msg =
          late ? StrCat("LocalRunner: Timeout, killed after ", absl::ToDoubleSeconds(options_.timeout), " seconds\n")
               : StrCat("LocalRunner: An exception occurred\n", *out.error_msg);
    }
    return out;
  }

  const std::unique_ptr<LocalMeasure> owned_;
  hone::Runner& runner_;
  const RunnerOptions options_;
  std::map<std::string, double> best_;  // By workload; only for giving up early.
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Job> jobs_;
  bool closed_ = false;
  std::thread thread_;  // Last: it uses all of the above.
};

}  // namespace

absl::StatusOr<std::unique_ptr<Runner>> CreateLocalRunner(const RunnerOptions& options) {
  LocalMeasureOptions local;
  local.build_workers = 1;  // For the references of the correctness gate.
  HONE_ASSIGN_OR_RETURN(std::unique_ptr<LocalMeasure> measure, LocalMeasure::Create(local));
  hone::Runner& runner = measure->runner();
  return std::unique_ptr<Runner>(std::make_unique<LocalRunner>(runner, std::move(measure), options));
}

std::unique_ptr<Runner> LocalRunnerOver(hone::Runner& runner, const RunnerOptions& options) {
  return std::make_unique<LocalRunner>(runner, nullptr, options);
}

}  // namespace hone::meta_schedule
