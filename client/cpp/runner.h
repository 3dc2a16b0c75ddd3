// Runners: artifacts to times (reference/build_run.md section 2).
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "client/cpp/measure_candidate.h"
#include "common/measure/policy.h"
#include "common/measure/runner.h"

namespace hone {
class Connection;
}

namespace hone::meta_schedule {

struct RunnerInput {
  std::string artifact_path;
  std::string device_type;  // A target kind: "llvm", "cuda", ...
  std::vector<ArgInfo> args_info;
};

// Exactly one of run_secs and error_msg is set.
struct RunnerResult {
  std::optional<std::vector<double>> run_secs;
  std::optional<std::string> error_msg;
  // Hone's: the measurement as a whole, verdict and spread included; null from a runner that does not say.
  std::shared_ptr<const RunResult> measured = nullptr;
};

RunnerResult ToRunnerResult(RunResult result);
// The median of run_secs; 1e10 where there is none.
double MedianSeconds(const RunnerResult& result);

// A result to come. Thread-safe.
class RunnerFuture {
 public:
  RunnerFuture() = default;
  explicit RunnerFuture(RunnerResult result) : result_(std::move(result)) {}
  virtual ~RunnerFuture() = default;
  virtual bool Done() const;
  // Waits.
  virtual RunnerResult Result();
  // For runners; once.
  void Set(RunnerResult result);

 private:
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::optional<RunnerResult> result_;
};

// The peer's way to say how to time. The default of Hone's runners is a MeasurementPolicy instead.
struct EvaluatorConfig {
  int number = 3;
  int repeat = 1;
  int min_repeat_ms = 100;
  bool enable_cpu_cache_flush = false;
};
MeasurementPolicy PolicyOf(const EvaluatorConfig& config);

struct RunnerOptions {
  absl::Duration timeout = absl::Seconds(30);
  std::optional<EvaluatorConfig> evaluator = {};  // Null: `policy`.
  std::optional<MeasurementPolicy> policy = {};   // Null: DefaultPolicyFor the candidate's target.
  std::shared_ptr<Connection> server = nullptr;   // For "rpc".
};

// Derive from it for a runner of your own. Called from one thread at a time.
class Runner {
 public:
  virtual ~Runner() = default;
  // Futures in the order of the inputs; they stay valid when the runner is gone.
  virtual std::vector<std::shared_ptr<RunnerFuture>> Run(absl::Span<const RunnerInput> inputs) = 0;
  // Hone's: what the runner measures on, as DeviceFingerprint json; empty when it does not say.
  virtual std::string DeviceFingerprintJson() const { return {}; }

  // "local": sandboxed children on this machine, one run at a time, beside the caller; create it before the process has
  // threads. "rpc": the run workers of `options.server`; takes artifacts of Builder "remote". InvalidArgument names the
  // kinds for another, and the server that "rpc" needs.
  static absl::StatusOr<std::unique_ptr<Runner>> Create(std::string_view kind = "local",
                                                        const RunnerOptions& options = {});
};

// What the options say of timing, with their time limit, for candidates of a target; a target of an unknown kind is
// treated as a CPU.
MeasurementPolicy PolicyFor(const RunnerOptions& options, const std::string& target_json);

// "local" over a runner that the caller has and that outlives it.
std::unique_ptr<Runner> LocalRunnerOver(::hone::Runner& runner, const RunnerOptions& options);

}  // namespace hone::meta_schedule
