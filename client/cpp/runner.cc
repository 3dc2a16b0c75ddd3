#include "client/cpp/runner.h"

#include <algorithm>
#include <utility>

#include "client/cpp/local_runner.h"
#include "client/cpp/rpc_runner.h"
#include "common/support/check.h"
#include "common/support/strings.h"
#include "common/target/target.h"

namespace hone::meta_schedule {
namespace {
constexpr double kFailed = 1e10;
}

RunnerResult ToRunnerResult(RunResult result) {
  RunnerResult out;
  if (result.failure.has_value()) {
    out.error_msg = StrCat(FailureKindName(result.failure->kind), ": ", result.failure->message);
  } else {
    out.run_secs = result.samples;
  }
  out.measured = std::make_shared<const RunResult>(std::move(result));
  return out;
}

double MedianSeconds(const RunnerResult& result) {
  if (!result.run_secs.has_value() || result.run_secs->empty()) return kFailed;
  std::vector<double> values = *result.run_secs;
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

bool RunnerFuture::Done() const {
  std::lock_guard lock(mutex_);
  return result_.has_value();
}

RunnerResult RunnerFuture::Result() {
  std::unique_lock lock(mutex_);
  ready_.wait(lock, [this] { return result_.has_value(); });
  return *result_;
}

void RunnerFuture::Set(RunnerResult result) {
  {
    std::lock_guard lock(mutex_);
    HONE_CHECK(!result_.has_value());
    result_ = std::move(result);
  }
  ready_.notify_all();
}

MeasurementPolicy PolicyOf(const EvaluatorConfig& config) {
  MeasurementPolicy policy;
  policy.number = config.enable_cpu_cache_flush ? 1 : config.number;
  policy.repeat = config.repeat;
  policy.max_repeat = config.repeat;
  policy.min_repeat = absl::Milliseconds(config.min_repeat_ms);
  policy.budget_loser = absl::InfiniteDuration();
  policy.budget_contender = absl::InfiniteDuration();
  policy.flush_cache = config.enable_cpu_cache_flush;
  policy.abandon_ratio = 0;
  return policy;
}

MeasurementPolicy PolicyFor(const RunnerOptions& options, const std::string& target_json) {
  MeasurementPolicy policy;
  if (options.evaluator.has_value()) {
    policy = PolicyOf(*options.evaluator);
  } else if (options.policy.has_value()) {
    policy = *options.policy;
  } else if (const absl::StatusOr<Target> target = Target::Parse(target_json); target.ok()) {
    policy = DefaultPolicyFor(target->kind());
  }
  policy.timeout = options.timeout;
  return policy;
}

absl::StatusOr<std::unique_ptr<Runner>> Runner::Create(std::string_view kind, const RunnerOptions& options) {
  if (kind == "local") return CreateLocalRunner(options);
  if (kind == "rpc") return CreateRpcRunner(options);
  return absl::InvalidArgumentError(StrCat("runner \"", kind, "\", expected local or rpc"));
}

}  // namespace hone::meta_schedule
