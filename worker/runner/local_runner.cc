#include "worker/runner/local_runner.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>

#include "absl/time/clock.h"
#include "common/support/log.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/target/host.h"
#include "worker/runner/comparison.h"
#include "worker/runner/evaluator.h"
#include "worker/runner/plausible_sampler.h"
#include "worker/runner/statistics.h"
#include "worker/runner/steal.h"

namespace hone::runner {
namespace {

constexpr uint64_t kInputCacheBytes = uint64_t{1} << 30;
constexpr int kFreshSets = 2;  // Besides the first set; more would cost a run of the reference each.
constexpr double kTolerableSteal = 0.02;
constexpr double kTolerableFrequencyChange = 0.1;

Failure RunFailure(std::string message) { return {FailureKind::kRun, std::move(message)}; }
Failure RunFailure(const absl::Status& status) { return RunFailure(std::string(ToStd(status.message()))); }

bool OwnsAllCpus(const std::vector<int>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return false;
  for (int cpu : cpus) {
    if (cpu >= 0 && cpu < CPU_SETSIZE) CPU_CLR(cpu, &set);
  }
  return CPU_COUNT(&set) == 0;
}

}  // namespace

std::vector<int> DefaultMeasureCpus(int max_cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return {0};
  std::vector<int> cpus;
  std::set<std::string> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE && static_cast<int>(cpus.size()) < std::min(max_cpus, kMaxCpus); ++cpu) {
    if (!CPU_ISSET(cpu, &set)) continue;
    std::ifstream file(StrCat("/sys/devices/system/cpu/cpu", cpu, "/topology/thread_siblings_list"));
    std::string siblings;
    if (std::getline(file, siblings) && !cores.insert(siblings).second) continue;
    cpus.push_back(cpu);
  }
  return cpus;
}

// One run: what Run() does while it holds the lock.
class LocalRunner::Session {
 public:
  Session(LocalRunner& runner, const RunRequest& request, RunResult* result)
      : runner_(runner), request_(request), policy_(request.policy), args_(request.artifact.args), result_(*result) {}

  std::optional<Failure> Run() ABSL_EXCLUSIVE_LOCKS_REQUIRED(runner_.mutex_) {
    // A reference that is not cached is computed before the run's own time starts.
    if (Checks()) {
      if (auto failure = Fetch(policy_.input_seed, &reference_)) return failure;
    }
    if (auto failure = Open()) return failure;
    if (Checks()) {
      if (auto failure = candidate_->Check(0)) return failure;
      if (auto failure = Compare(*reference_)) return failure;
    } else if (auto failure = candidate_->Check(0)) {
      return failure;
    }
    if (auto failure = Measure()) return failure;
    if (!Checks()) return std::nullopt;
    if (auto failure = CheckAgain()) return failure;
    result_.verdict = Verdict::kRight;
    return std::nullopt;
  }

  // Ends the candidate.
  void Close() ABSL_EXCLUSIVE_LOCKS_REQUIRED(runner_.mutex_) { candidate_.reset(); }

 private:
  bool Checks() const { return policy_.check_result && runner_.options_.references != nullptr; }

  std::optional<Failure> Fetch(uint64_t seed, std::shared_ptr<const Reference>* reference) {
    return FetchReference(*runner_.options_.references, {request_.workload_script, request_.target_json, args_, seed},
                          reference);
  }

  std::optional<Failure> Open() ABSL_EXCLUSIVE_LOCKS_REQUIRED(runner_.mutex_) {
    CandidateOptions options;
    if (const absl::Status status = Prepare(&options); !status.ok()) return RunFailure(status);
    std::optional<Failure> failure = CandidateProcess::Open(*runner_.zygote_, options, &candidate_);
    if (failure.has_value() && failure->kind == FailureKind::kDeviceLost) {
      // The zygote died (killed by hand, or for memory): once more with a new one.
      if (const absl::Status status = runner_.RestartZygote(); !status.ok()) return failure;
      failure = CandidateProcess::Open(*runner_.zygote_, options, &candidate_);
    }
    if (failure.has_value()) return failure;
    result_.sandbox_layers = StrCat(runner_.zygote_->layers(), ",", candidate_->layers());
    return std::nullopt;
  }

  absl::Status Prepare(CandidateOptions* options) ABSL_EXCLUSIVE_LOCKS_REQUIRED(runner_.mutex_) {
    HONE_ASSIGN_OR_RETURN(BufferLayout layout, LayOutBuffers(args_));
    for (size_t i = 0; i < args_.size() && reference_ != nullptr; ++i) {
      layout.args[i].poisoned = reference_->roles[i] == ArgRole::kOutput;
    }
    fresh_seed_ = policy_.input_seed + 1 + static_cast<uint64_t>(absl::GetCurrentTimeNanos() / 1000 % kFreshSets);
    HONE_ASSIGN_OR_RETURN(options->inputs, runner_.inputs_.Get(args_, policy_.input_seed));
    options->fresh_inputs = options->inputs;
    if (Checks()) {
      HONE_ASSIGN_OR_RETURN(options->fresh_inputs, runner_.inputs_.Get(args_, fresh_seed_));
    }
    inputs_[0] = options->inputs;
    inputs_[1] = options->fresh_inputs;
    if (runner_.shared_ == nullptr || runner_.shared_->bytes() < layout.bytes + kPageBytes) {
      HONE_ASSIGN_OR_RETURN(runner_.shared_, SharedFile::Create(layout.bytes + kPageBytes));
    }
    layout_ = layout;
    options->object = request_.artifact.bytes;
    options->entry = request_.artifact.entry;
    options->args = std::move(layout.args);
    options->shared = runner_.shared_;
    options->cpus = runner_.options_.measure_cpus;
    options->pin = policy_.pin;
    options->memory_bytes = policy_.memory_bytes;
    options->deadline = absl::Now() + policy_.timeout;
    return absl::OkStatus();
  }

  // Outputs against the reference, inputs against what they were. `set` is the input set that the kernel ran on.
  std::optional<Failure> Compare(const Reference& reference, int set = 0) {
    std::vector<bool> is_output;
    for (ArgRole role : reference.roles) is_output.push_back(role != ArgRole::kInput);
    for (size_t i = 0; i < args_.size(); ++i) {
      const uint8_t* want = is_output[i] ? reinterpret_cast<const uint8_t*>(reference.contents[i].data())
                                         : inputs_[set]->data() + layout_.args[i].offset;
      const double tolerance = is_output[i] ? ToleranceOf(args_[i].dtype, reference.reduction_length) : 0;
      const TensorComparison comparison = CompareTensor(args_[i], candidate_->Contents(i), want, tolerance);
      Worsen(comparison.errors);
      if (comparison.right) continue;
      result_.verdict = Verdict::kWrong;
      return Failure{
          FailureKind::kWrongResult,
          StrCat(is_output[i] ? "output" : "input that was written", " (parameter ", i, "): ", comparison.detail, "; ",
                 comparison.wrong_elements, " elements are wrong, relative tolerance ", tolerance)};
    }
    return std::nullopt;
  }

  void Worsen(const ErrorNorms& errors) {
    result_.errors.max_abs = std::max(result_.errors.max_abs, errors.max_abs);
    result_.errors.max_rel = std::max(result_.errors.max_rel, errors.max_rel);
    result_.errors.tolerance = std::max(result_.errors.tolerance, errors.tolerance);
  }

  std::optional<Failure> TakeSamples() ABSL_EXCLUSIVE_LOCKS_REQUIRED(runner_.mutex_) {
    const TimingLock::Section section(runner_.timing_lock_);
    PlausibleSampler sampler(*candidate_, policy_, static_cast<int>(runner_.options_.measure_cpus.size()),
                             runner_.usual_);
    return Evaluate(policy_, request_.best_so_far, sampler, &evaluation_);
  }

  std::optional<Failure> Measure() ABSL_EXCLUSIVE_LOCKS_REQUIRED(runner_.mutex_) {
    Disturbance& disturbance = result_.disturbance;
    if (auto failure = candidate_->ProbeGhz(&disturbance.probe_ghz_before)) return failure;
    const CpuTimes before = ReadCpuTimes(runner_.options_.measure_cpus);
    if (auto failure = TakeSamples()) return failure;
    disturbance.steal_fraction = StealFraction(before, ReadCpuTimes(runner_.options_.measure_cpus));
    if (auto failure = candidate_->ProbeGhz(&disturbance.probe_ghz_after)) return failure;
    disturbance.involuntary_switches = evaluation_.involuntary_switches;
    disturbance.migrations = evaluation_.migrations;
    disturbance.foreign_load = evaluation_.foreign_load;
    const double change = std::abs(disturbance.probe_ghz_after / disturbance.probe_ghz_before - 1);
    disturbance.disturbed =
        evaluation_.disturbed || disturbance.steal_fraction > kTolerableSteal || change > kTolerableFrequencyChange;
    result_.samples = evaluation_.raw_samples;
    result_.median = evaluation_.seconds;
    result_.spread = RelativeSpread(evaluation_.samples);
    result_.number = static_cast<int>(evaluation_.number);
    result_.abandoned = evaluation_.abandoned;
    return std::nullopt;
  }

  // What was timed was right: the outputs that the last timed call left, which were poisoned before it. Contenders also
  // have to compute a set that did not exist when they were built.
  std::optional<Failure> CheckAgain() {
    const bool repeatable = std::count(reference_->roles.begin(), reference_->roles.end(), ArgRole::kInOut) == 0;
    if (auto failure = repeatable && !policy_.flush_cache ? candidate_->Collect() : candidate_->Check(0))
      return failure;
    if (auto failure = Compare(*reference_)) return failure;
    if (!evaluation_.contender) return std::nullopt;
    std::shared_ptr<const Reference> fresh;
    if (auto failure = Fetch(fresh_seed_, &fresh)) return failure;
    candidate_->SetDeadline(absl::Now() + policy_.timeout);
    if (auto failure = candidate_->Check(1)) return failure;
    return Compare(*fresh, 1);
  }

  LocalRunner& runner_;
  const RunRequest& request_;
  const MeasurementPolicy& policy_;
  const std::vector<TensorInfo>& args_;
  RunResult& result_;
  std::shared_ptr<const Reference> reference_;
  std::shared_ptr<SharedFile> inputs_[2];
  BufferLayout layout_;
  uint64_t fresh_seed_ = 0;
  Evaluation evaluation_;
  std::unique_ptr<CandidateProcess> candidate_;
};

LocalRunner::LocalRunner(LocalRunnerOptions options, std::unique_ptr<Zygote> zygote)
    : options_(std::move(options)),
      timing_lock_(options_.pause_others && OwnsAllCpus(options_.measure_cpus) ? TimingLock::Host() : nullptr),
      fingerprint_(HostFingerprintJson(options_.compiler_revision)),
      zygote_(std::move(zygote)),
      inputs_(kInputCacheBytes) {}

absl::StatusOr<std::unique_ptr<LocalRunner>> LocalRunner::Create(LocalRunnerOptions options) {
  if (options.measure_cpus.empty()) options.measure_cpus = DefaultMeasureCpus(kMaxCpus);
  if (options.measure_cpus.size() > kMaxCpus) {
    return absl::InvalidArgumentError(
        StrCat(options.measure_cpus.size(), " measuring CPUs, expected at most ", kMaxCpus));
  }
  HONE_ASSIGN_OR_RETURN(std::unique_ptr<Zygote> zygote, Zygote::Start());
  HONE_LOG(kInfo) << "runner sandbox layers: " << zygote->layers();
  return std::unique_ptr<LocalRunner>(new LocalRunner(std::move(options), std::move(zygote)));
}

absl::Status LocalRunner::RestartZygote() {
  zygote_.reset();
  HONE_ASSIGN_OR_RETURN(zygote_, Zygote::Start());
  return absl::OkStatus();
}

std::string LocalRunner::SandboxLayers() {
  absl::MutexLock lock(&mutex_);
  return zygote_ == nullptr ? "" : zygote_->layers();
}

RunResult LocalRunner::Run(const RunRequest& request) {
  const absl::Time start = absl::Now();
  RunResult result;
  if (request.artifact.format != "elf-object") {
    result.failure = RunFailure(StrCat("artifact format \"", request.artifact.format, "\", expected \"elf-object\""));
    return result;
  }
  Session session(*this, request, &result);
  {
    absl::MutexLock lock(&mutex_);
    if (zygote_ == nullptr) RestartZygote().IgnoreError();
    result.failure =
        zygote_ == nullptr ? Failure{FailureKind::kDeviceLost, "the sandbox zygote cannot be started"} : session.Run();
    session.Close();
  }
  result.run_time = absl::Now() - start;
  return result;
}

}  // namespace hone::runner
