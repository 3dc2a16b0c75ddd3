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

// Whether more threads want to run than there are CPUs, the candidate not counted: it waits for us.
bool IsOverloaded() {
  std::ifstream in("/proc/loadavg");
  double ignored = 0;
  int running = 0;
  in >> ignored >> ignored >> ignored >> running;
  return in.good() && running - 1 >= sysconf(_SC_NPROCESSORS_ONLN);
}

// Takes samples of a candidate and holds its clock against ours: a kernel shares its process with the code that reads
// the clock there, and could change what that says. It cannot change how long we wait.
class PlausibleSampler final : public Sampler {
 public:
  PlausibleSampler(CandidateProcess& candidate, const MeasurementPolicy& policy, UsualConditions& usual)
      : candidate_(candidate), policy_(policy), usual_(usual) {}

  void Wait(absl::Duration duration) override {
    candidate_.PostponeDeadline(duration);
    absl::SleepFor(duration);
  }

  std::optional<Failure> Take(int64_t calls, Sample* sample) override {
    // Either somebody kept this process from running for a while, or the kernel lies. With more calls the one becomes
    // small beside the sample; the other does not. On an overloaded machine processes wait longer.
    constexpr absl::Duration kLongEnough = absl::Milliseconds(250);
    constexpr absl::Duration kLongEnoughOverloaded = absl::Seconds(2);
    // Processes may also be stopped for a while; not four times in a row.
    constexpr int kSuspicionsToCondemn = 4;
    int suspicions = 0;
    const int64_t calls_wanted = calls;
    while (true) {
      Reply reply;
      absl::Duration wall;
      if (!policy_.flush_cache) {
        if (auto failure = candidate_.Poison()) return failure;
      }
      // Once in doubt without probes and warm calls: beside other processes these take long too, and are not reported.
      const bool in_doubt = calls != calls_wanted || suspicions > 0;
      const CandidateProcess::Timing timing =
          in_doubt ? CandidateProcess::Timing{policy_.flush_cache} : TimingOf(calls);
      if (auto failure = candidate_.Run(static_cast<uint64_t>(calls), timing, &reply, &wall)) return failure;
      const double reported = Fill(reply, calls, timing, sample);
      if (in_doubt) sample->usual = false;
      if (IsPlausible(absl::Seconds(reported), wall)) return std::nullopt;
      if (wall < (IsOverloaded() ? kLongEnoughOverloaded : kLongEnough)) {
        calls *= 4;
      } else if (++suspicions == kSuspicionsToCondemn) {
        return Failure{FailureKind::kCrash, StrCat("the kernel's timing is forged: it reports ", reported, " s for ",
                                                   calls, " calls, which took ", absl::ToDoubleSeconds(wall), " s")};
      }
    }
  }

 private:
  CandidateProcess::Timing TimingOf(int64_t calls) const {
    CandidateProcess::Timing timing;
    timing.flush = policy_.flush_cache;
    // Not around warm-ups.
    timing.probe = !policy_.flush_cache && samples_taken_ >= policy_.warm_up;
    if (!timing.probe) return timing;
    // The probes take the place of the kernel's data in the core's own caches; a long call does not notice.
    if (seconds_per_call_ < kLongCall) timing.warm_calls = 1;
    const double slices = std::min(static_cast<double>(calls) * seconds_per_call_ / kSliceSeconds,
                                   static_cast<double>(std::min<int64_t>(calls, kMaxSlices)));
    timing.slices = std::max(1u, static_cast<uint32_t>(slices));
    return timing;
  }

  bool IsPlausible(absl::Duration reported, absl::Duration wall) const {
    if (reported > wall + absl::Milliseconds(1)) return false;
    if (policy_.flush_cache) return true;  // Flushing takes unreported time.
    return wall - reported < absl::Milliseconds(4) || reported * 2 > wall;
  }

  // Returns the seconds that the candidate reports for all calls.
  double Fill(const Reply& reply, int64_t calls, const CandidateProcess::Timing& timing, Sample* sample) {
    const uint64_t core_limit = static_cast<uint64_t>(std::min(usual_.CoreLimitSeconds(), 1.0) * 1e9);
    uint64_t nanoseconds = 0, fastest_core = UINT64_MAX;
    std::vector<double> all, alone;  // Seconds a call, by slice: of all, and of those with the core to themselves.
    for (uint32_t i = 0; i < timing.slices; ++i) {
      nanoseconds += reply.slice_ns[i];
      all.push_back(static_cast<double>(reply.slice_ns[i]) * 1e-9 /
                    static_cast<double>(CallsOfSlice(static_cast<uint64_t>(calls), timing.slices, i)));
      const uint64_t core = std::max(reply.core_ns[i], reply.core_ns[i + 1]);
      fastest_core = std::min(fastest_core, core);
      if (core <= core_limit) alone.push_back(all.back());
    }
    sample->seconds = static_cast<double>(nanoseconds) * 1e-9;
    sample->seconds_per_call = sample->seconds / static_cast<double>(calls);
    const double elapsed = static_cast<double>(reply.elapsed_ns);
    sample->running_fraction = elapsed > 0 ? std::min(1.0, static_cast<double>(reply.thread_cpu_ns) / elapsed) : 1;
    sample->involuntary_switches = reply.involuntary_switches;
    sample->migrated = reply.cpu_before != reply.cpu_after;
    Conditions conditions;
    conditions.ghz = reply.ghz;
    conditions.cache_seconds = static_cast<double>(reply.cache_ns) * 1e-9;
    conditions.core_seconds = timing.probe ? static_cast<double>(fastest_core) * 1e-9 : 0;
    ++samples_taken_;
    seconds_per_call_ = sample->seconds_per_call;
    // What else ran in our place says nothing about the cache.
    if (sample->running_fraction > 0.98) usual_.Note(conditions, absl::Now());
    const bool shared = timing.probe && alone.size() * kSlicesADisturbedOneHas < all.size();
    sample->usual = !shared && usual_.Fit(conditions);
    // The choice of slices must not make a kernel look much faster than all of its calls together say.
    const double chosen = Quantile(alone.empty() ? all : alone, kSliceQuantile);
    if (chosen * 2 > sample->seconds_per_call) sample->seconds_per_call = chosen;
    sample->raw_seconds_per_call = sample->seconds_per_call;
    if (timing.probe) sample->seconds_per_call *= usual_.ClockFactor(reply.ghz);
    return sample->seconds;
  }

  static constexpr double kLongCall = 50e-6;
  static constexpr double kSliceSeconds = 0.4e-3;
  // Whatever is not the kernel's own only adds to its time, so that the faster slices say most.
  static constexpr double kSliceQuantile = 0.1;
  // A sample counts when one in so many of its slices had the core to itself.
  static constexpr size_t kSlicesADisturbedOneHas = 4;

  CandidateProcess& candidate_;
  const MeasurementPolicy& policy_;
  UsualConditions& usual_;
  int samples_taken_ = 0;
  double seconds_per_call_ = 0;  // Of the last sample.
};

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
    PlausibleSampler sampler(*candidate_, policy_, runner_.usual_);
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
