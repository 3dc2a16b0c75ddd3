// How far the figures of the runner can be believed.
// Progress goes to stderr, results to stdout; the JSON file is written anew after every case. Cases:
//   overhead       wall time of a whole run of an empty kernel (sandbox, load, check, time): milliseconds a candidate
//   repeatability  one kernel measured 50 times over S seconds (default 120) on CPU 0, while another CPU does nothing,
//                  multiply-adds, or a streaming copy: (p90 - p10) / median of the reported medians, for a
//                  compute-bound, an L3-resident and a DRAM-bound kernel. All cases take turns in every fiftieth of S.
//                  A measurement may wait for neighbours to be quiet for most of its share: the longer form is the more
//                  repeatable one
//   ranking        the same compute-bound kernel with 5 % more iterations: share of pairs that are ranked right
//   aftermath      medians of a good kernel right before and right after planted bad ones, interleaved
// Kernels are C, compiled here; needs gcc.
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "bench/run_main.h"
#include "common/support/check.h"
#include "common/support/log.h"
#include "common/support/strings.h"
#include "nlohmann/json.hpp"
#include "worker/runner/built_reference.h"
#include "worker/runner/c_builder.h"
#include "worker/runner/executor.h"
#include "worker/runner/local_runner.h"
#include "worker/runner/statistics.h"

namespace hone::bench {
namespace {

using runner::CArtifact;
using runner::CBuilder;
using runner::LocalRunner;
using runner::LocalRunnerOptions;

struct Kernel {
  std::string name;
  std::string source;
  std::vector<TensorInfo> args;
};

std::string Compute(int rounds) {
  return StrCat("int32_t kernel(void** b) { float *x = b[0], *y = b[1]; float s[64]; ",
                "for (int i = 0; i < 64; ++i) s[i] = x[i]; for (int r = 0; r < ", rounds,
                "; ++r) for (int i = 0; i < 64; ++i) s[i] = s[i] * 0.999f + 0.001f; ",
                "for (int i = 0; i < 64; ++i) y[i] = s[i]; return 0; }");
}

std::string Sum(int64_t floats) {
  return StrCat("int32_t kernel(void** b) { float *x = b[0], *y = b[1]; float s[64] = {0}; for (long i = 0; i < ",
                floats, "; i += 64) for (int j = 0; j < 64; ++j) s[j] += x[i + j]; ",
                "for (int j = 0; j < 64; ++j) y[j] = s[j]; return 0; }");
}

Kernel MakeCompute() { return {"compute", Compute(20'000), {{"float32", {64}}, {"float32", {64}}}}; }
Kernel MakeSum(const char* name, int64_t floats) {
  return {name, Sum(floats), {{"float32", {floats}}, {"float32", {64}}}};
}

constexpr char kFlags[] = "-O3 -march=native -ffast-math";

class Bench {
 public:
  explicit Bench(const Kernel& kernel) : kernel_(kernel) {
    LocalRunnerOptions options;
    options.measure_cpus = {0};
    options.pause_others = false;
    options.references = runner::MakeCachingReferenceProvider(
        std::make_shared<runner::BuiltReferenceProvider>(std::make_shared<CBuilder>(kernel.args),
                                                         std::make_shared<runner::SandboxExecutor>(std::vector<int>{0}),
                                                         nullptr),
        "", uint64_t{1} << 30);
    auto created = LocalRunner::Create(options);
    HONE_CHECK_OK(created.status());
    runner_ = *std::move(created);
    request_ = Request(kernel.source, kernel.source);
  }

  // Patience for neighbours on the machine: waiting has the budget of measuring, and ends when they are quiet.
  void SetBudget(absl::Duration budget) {
    request_.policy.budget_contender = budget;
    request_.policy.timeout = absl::Seconds(10) + 2 * budget;
  }

  RunRequest Request(const std::string& source, const std::string& workload) const {
    RunRequest request;
    request.artifact = CArtifact(source, kernel_.args, kFlags);
    request.workload_script = workload;
    request.policy.timeout = absl::Seconds(10);
    return request;
  }

  RunResult Run(const RunRequest& request) {
    RunResult result = runner_->Run(request);
    if (result.failure.has_value() && expect_success) {
      HONE_CHECK(false) << result.failure->message;
    }
    return result;
  }

  RunResult Run() { return Run(request_); }
  const RunRequest& request() const { return request_; }

  bool expect_success = true;

 private:
  const Kernel kernel_;
  std::unique_ptr<LocalRunner> runner_;
  RunRequest request_;
};

// Keeps the other CPU busy with one of the noises between Start and Stop.
class Noise {
 public:
  explicit Noise(const std::string& kind) {
    if (kind == "quiet" || sysconf(_SC_NPROCESSORS_ONLN) < 2) return;
    pid_ = fork();
    if (pid_ != 0) {
      Stop();
      return;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(1, &set);
    sched_setaffinity(0, sizeof(set), &set);
    if (kind == "fma") SpinFma();
    SpinCopy();
  }
  Noise(const Noise&) = delete;
  Noise& operator=(const Noise&) = delete;
  ~Noise() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }

  void Start() { Signal(SIGCONT); }
  void Stop() { Signal(SIGSTOP); }

 private:
  void Signal(int signal) {
    if (pid_ > 0) kill(pid_, signal);
  }

  [[noreturn]] static void SpinFma() {
    std::vector<float> s(64, 1);
    for (;;) {
      for (float& v : s) v = v * 0.999f + 0.001f;
      __asm__ volatile("" : : "r"(s.data()) : "memory");
    }
  }
  [[noreturn]] static void SpinCopy() {
    constexpr size_t kBytes = 256 << 20;
    std::vector<char> from(kBytes, 1), to(kBytes, 2);
    for (;;) {
      std::memcpy(to.data(), from.data(), kBytes);
      __asm__ volatile("" : : "r"(to.data()) : "memory");
    }
  }

  pid_t pid_ = 0;
};

nlohmann::json Overhead() {
  const Kernel empty = {"empty",
                        "int32_t kernel(void** b) { ((float*)b[1])[0] = ((float*)b[0])[0]; return 0; }",
                        {{"float32", {1}}, {"float32", {1}}}};
  Bench bench(empty);
  RunRequest request = bench.request();
  request.policy.number = 1;
  request.policy.repeat = 1;
  request.policy.max_repeat = 1;
  request.policy.budget_contender = MeasurementPolicy().budget_contender;
  request.best_so_far = 1e-12;
  bench.Run(request);
  std::vector<double> milliseconds;
  for (int i = 0; i < 200; ++i) {
    const absl::Time start = absl::Now();
    bench.Run(request);
    milliseconds.push_back(absl::ToDoubleMilliseconds(absl::Now() - start));
  }
  std::printf("overhead       %.2f ms a candidate (p90 %.2f)\n", runner::Median(milliseconds),
              runner::Quantile(milliseconds, 0.9));
  return {{"median_ms", runner::Median(milliseconds)}, {"p90_ms", runner::Quantile(milliseconds, 0.9)}};
}

constexpr int kMeasurements = 50;

// One kernel beside one noise, measured kMeasurements times.
class Repeatability {
 public:
  Repeatability(const Kernel& kernel, const std::string& noise_kind)
      : kernel_(kernel.name), noise_kind_(noise_kind), bench_(kernel), noise_(noise_kind) {}

  std::string name() const { return StrCat("repeatability ", kernel_, " beside ", noise_kind_); }

  // A runner that has just been started does not know yet what is usual here.
  void WarmUp(absl::Duration duration) {
    noise_.Start();
    for (const absl::Time end = absl::Now() + duration; absl::Now() < end;) bench_.Run();
    noise_.Stop();
  }

  // Measuring and waiting for neighbours have `budget` each, and take less where they are quiet.
  void MeasureOnce(absl::Duration budget) {
    noise_.Start();
    absl::SleepFor(absl::Milliseconds(20));
    bench_.SetBudget(std::max(MeasurementPolicy().budget_contender, budget));
    const absl::Time start = absl::Now();
    const RunResult result = bench_.Run();
    noise_.Stop();
    medians_.push_back(result.median);
    disturbed_ += result.disturbance.disturbed ? 1 : 0;
    seconds_each_.push_back(absl::ToDoubleSeconds(absl::Now() - start));
    ghz_.push_back((result.disturbance.probe_ghz_before + result.disturbance.probe_ghz_after) / 2);
  }

  nlohmann::json Report() const {
    const double median = runner::Median(medians_);
    const double spread = (runner::Quantile(medians_, 0.9) - runner::Quantile(medians_, 0.1)) / median;
    std::printf("repeatability  %-8s beside %-6s  median %9.2f us  (p90-p10)/median %5.2f %%  disturbed %d of %d\n",
                kernel_.c_str(), noise_kind_.c_str(), median * 1e6, spread * 100, disturbed_, kMeasurements);
    return {{"kernel", kernel_},
            {"noise", noise_kind_},
            {"median_s", median},
            {"spread", spread},
            {"medians_s", medians_},
            {"disturbed", disturbed_},
            {"seconds_each", seconds_each_},
            {"ghz", ghz_}};
  }

 private:
  const std::string kernel_;
  const std::string noise_kind_;
  Bench bench_;
  Noise noise_;
  int disturbed_ = 0;
  std::vector<double> medians_, seconds_each_, ghz_;
};

// Measures every case once in each of kMeasurements rounds, spread over `seconds`, so that all of them see the same ten
// minutes of the machine.
void MeasureInRounds(const std::vector<std::unique_ptr<Repeatability>>& cases, double seconds) {
  for (const auto& each : cases) each->WarmUp(absl::Seconds(std::min(seconds / 10, 3.0)));
  const absl::Time begin = absl::Now();
  for (int round = 0; round < kMeasurements; ++round) {
    const absl::Time end = begin + absl::Seconds(seconds) * (round + 1) / kMeasurements;
    for (size_t i = 0; i < cases.size(); ++i) {
      // Half of what is left of the round: a measurement may wait as long as it measures.
      cases[i]->MeasureOnce(0.45 * (end - absl::Now()) / static_cast<int64_t>(cases.size() - i));
    }
    if ((round + 1) % 10 == 0) {
      std::fprintf(stderr, "  %zu cases: %d of %d measurements, %.0f s\n", cases.size(), round + 1, kMeasurements,
                   absl::ToDoubleSeconds(absl::Now() - begin));
    }
    absl::SleepFor(end - absl::Now());
  }
}

nlohmann::json Ranking(const std::string& noise_kind) {
  const Kernel kernel = MakeCompute();
  Bench bench(kernel);
  // Against its own reference: it computes other values.
  const std::string longer = Compute(21'000);
  const RunRequest slow = bench.Request(longer, longer);
  bench.Run();
  bench.Run(slow);
  Noise noise(noise_kind);
  noise.Start();
  int right = 0;
  constexpr int kPairs = 40;
  nlohmann::json pairs;
  const auto describe = [](const RunResult& result) {
    return nlohmann::json{{"median_s", result.median},
                          {"samples_s", result.samples},
                          {"disturbed", result.disturbance.disturbed},
                          {"foreign_load", result.disturbance.foreign_load},
                          {"ghz", {result.disturbance.probe_ghz_before, result.disturbance.probe_ghz_after}}};
  };
  for (int i = 0; i < kPairs; ++i) {
    const RunResult fast = bench.Run(), slower = bench.Run(slow);
    right += fast.median < slower.median ? 1 : 0;
    pairs.push_back({describe(fast), describe(slower)});
  }
  std::printf("ranking        5 %% apart, beside %-6s  %d of %d pairs right\n", noise_kind.c_str(), right, kPairs);
  return {{"noise", noise_kind}, {"right", right}, {"pairs", kPairs}, {"measurements", pairs}};
}

nlohmann::json Aftermath() {
  const Kernel kernel = MakeCompute();
  Bench bench(kernel);
  const std::string bad[] = {
      "int32_t kernel(void** b) { *(volatile int*)8 = 1; return 0; }",
      "int fork(void); int32_t kernel(void** b) { for (;;) fork(); }",
      "void* malloc(size_t); int32_t kernel(void** b) { volatile char* p = malloc(20000000000ull); p[0] = 1; return 0; "
      "}",
      "void exit(int); int32_t kernel(void** b) { exit(0); }",
      "int32_t kernel(void** b) { for (;;) { __asm__ volatile(\"\"); } }",
      "int32_t kernel(void** b) { return 0; }",  // Stale output.
      "int32_t kernel(void** b) { for (int i = 0; i < 63; ++i) ((float*)b[1])[i] = ((float*)b[0])[i]; return 0; }",
      "int32_t kernel(void** b) { for (int i = 0; i < 64; ++i) ((float*)b[1])[i] = __builtin_nanf(\"\"); return 0; }",
      "int32_t kernel(void** b) { for (int i = 0; i <= 64; ++i) ((volatile float*)b[1])[i] = 1; return 0; }",
      "int32_t kernel(void** b) { volatile float t[64]; for (int i = 0; i < 64; ++i) ((float*)b[1])[i] = t[i]; return "
      "0; }",
      "int open(const char*, int, ...); int32_t kernel(void** b) { return open(\"/etc/passwd\", 0) < 0; }",
      "int socket(int, int, int); int32_t kernel(void** b) { return socket(2, 1, 0) < 0; }",
  };
  constexpr size_t kBad = std::size(bad);
  bench.Run();
  int caught = 0;
  std::vector<double> before, after;
  for (int i = 0; i < 20; ++i) {
    before.push_back(bench.Run().median);
    RunRequest request = bench.Request(bad[static_cast<size_t>(i) % kBad], kernel.source);
    request.policy.timeout = absl::Milliseconds(200);
    bench.expect_success = false;
    caught += bench.Run(request).failure.has_value() ? 1 : 0;
    bench.expect_success = true;
    after.push_back(bench.Run().median);
    if ((i + 1) % 5 == 0) std::fprintf(stderr, "  aftermath: %d of 20 bad kernels\n", i + 1);
  }
  const double change = runner::Median(after) / runner::Median(before) - 1;
  std::printf(
      "aftermath      median %.3f us before and %.3f us after 20 bad kernels of %zu kinds: %+.2f %%; %d failed\n",
      runner::Median(before) * 1e6, runner::Median(after) * 1e6, kBad, change * 100, caught);
  return {{"change", change}, {"before_s", before}, {"after_s", after}, {"failed", caught}};
}

int Main(int argc, char** argv) {
  double seconds = 120;
  std::string json_path;
  std::string only;
  bool resume = false;
  bool full = false;
  CLI::App app("How far the figures of the runner can be believed.", "measurement");
  app.add_option("--seconds", seconds, "Repeatability: 50 rounds of all its cases in this time")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_flag("--long", full, "The full form, --seconds 600: 15 minutes in all");
  app.add_option("--only", only, "Only cases with this text in their names, such as \"l3 beside copy\", \"aftermath\"");
  app.add_option("--json", json_path, "Write the figures to this file, anew after every case");
  app.add_flag("--resume", resume, "Do not run the cases again that the JSON file has");
  CLI11_PARSE(app, argc, argv);
  if (full) seconds = 600;
  SetLogLevel(LogLevel::kWarning);
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  nlohmann::json results = nlohmann::json::object();
  if (std::ifstream file(json_path); resume && file) results = nlohmann::json::parse(file);
  // Runs case `name` unless it is not wanted or known already.
  const auto run = [&](const std::string& name, const auto& body) {
    if (name.find(only) == std::string::npos || results.contains(name)) return;
    results[name] = body();
    if (!json_path.empty()) std::ofstream(json_path) << results.dump(1) << "\n";
  };
  run("overhead", Overhead);
  // Those that settle soonest first: what they leave of a round is for the others.
  std::vector<std::unique_ptr<Repeatability>> cases;
  for (const Kernel& kernel : {MakeCompute(), MakeSum("dram", 48 << 20), MakeSum("l3", 2 << 20)}) {
    for (const char* noise : {"quiet", "fma", "copy"}) {
      const std::string name = StrCat("repeatability ", kernel.name, " beside ", noise);
      if (name.find(only) == std::string::npos || results.contains(name)) continue;
      cases.push_back(std::make_unique<Repeatability>(kernel, noise));
    }
  }
  if (!cases.empty()) MeasureInRounds(cases, seconds);
  for (const auto& each : cases) run(each->name(), [&] { return each->Report(); });
  cases.clear();
  for (const char* noise : {"quiet", "copy"}) {
    run(StrCat("ranking beside ", noise), [&] { return Ranking(noise); });
  }
  run("aftermath", Aftermath);
  return 0;
}

}  // namespace
}  // namespace hone::bench

int main(int argc, char** argv) { return hone::bench::RunMain(hone::bench::Main, argc, argv); }
