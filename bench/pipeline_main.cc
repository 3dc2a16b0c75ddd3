// How well search, build and measurement overlap in `hone tune`, without a compiler and without a device: a real search
// for the target, and builders and a runner that only let time pass, as much as given for each candidate.
//   idle      share of the wall during which the device had nothing to do while candidates were owed
//   search    wall seconds of search and of the cost model, a round
// Fewer cores than the tuning machine's: give --scale what the search is slower by, and both times are multiplied.
#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "bench/run_main.h"
#include "common/support/log.h"
#include "common/support/sha256.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/target/target.h"
#include "server/database/memory_database.h"
#include "server/search/search_service.h"
#include "server/tuning/local_farm.h"

namespace hone::bench {
namespace {

// A number in [0, 1) that follows from the candidate.
double Draw(const std::string& trace, int index) {
  const Digest digest = Sha256(StrCat(index, trace));
  return (digest.bytes[0] * 65536 + digest.bytes[1] * 256 + digest.bytes[2]) / 16777216.0;
}

// Times of most candidates lie near the middle, of few far above: a log-normal one with this median.
absl::Duration TimeOf(const std::string& trace, int index, double median_ms, double sigma) {
  const double normal = std::sqrt(-2 * std::log(1 - Draw(trace, index))) * std::cos(6.283185 * Draw(trace, index + 1));
  return absl::Milliseconds(median_ms * std::exp(sigma * normal));
}

class TimedBuilder final : public Builder {
 public:
  TimedBuilder(double median_ms, double sigma) : median_ms_(median_ms), sigma_(sigma) {}
  std::vector<BuildResult> Build(absl::Span<const BuildRequest> requests) override {
    std::vector<BuildResult> out;
    for (const BuildRequest& request : requests) {
      BuildResult& result = out.emplace_back();
      result.build_time = TimeOf(request.trace_json, 0, median_ms_, sigma_);
      absl::SleepFor(result.build_time);
      result.artifact.emplace();
      result.artifact->key = Sha256(request.trace_json);
      result.artifact->bytes = request.trace_json;
    }
    return out;
  }

 private:
  const double median_ms_, sigma_;
};

class TimedRunner final : public Runner {
 public:
  TimedRunner(double median_ms, double sigma) : median_ms_(median_ms), sigma_(sigma) {}
  RunResult Run(const RunRequest& request) override {
    RunResult result;
    result.run_time = TimeOf(request.artifact.bytes, 2, median_ms_, sigma_);
    absl::SleepFor(result.run_time);
    result.median = 1e-4 * (1 + Draw(request.artifact.bytes, 4));
    result.verdict = Verdict::kRight;
    return result;
  }
  std::string DeviceFingerprintJson() const override { return R"({"device":"none"})"; }

 private:
  const double median_ms_, sigma_;
};

struct Arguments {
  std::string workload;
  std::string target = "nvidia/nvidia-h200", space = "hone";
  int trials = 512, round = 32, builders = 16, threads = 2, seed = 1;
  double build_ms = 300, build_sigma = 0.6, run_ms = 60, run_sigma = 0.3, scale = 1;
  bool verbose = false;
};

absl::Status Run(const Arguments& arguments) {
  std::ifstream in(arguments.workload);
  const std::string script{std::istreambuf_iterator<char>(in), {}};
  HONE_ASSIGN_OR_RETURN(const Target target, Target::Parse(arguments.target));
  JobDefinition job;
  job.name = "pipeline";
  TaskDefinition& task = job.tasks.emplace_back();
  task.name = "task";
  task.workload = WorkloadFromScript(script);
  task.target_json = target.ToJson();
  task.space = arguments.space;
  job.max_trials = job.max_trials_per_task = arguments.trials;
  job.trials_per_round = arguments.round;
  job.search_threads = arguments.threads;
  job.seed = static_cast<uint64_t>(arguments.seed);
  MemoryDatabase database;
  DirectSearchRunner search(OpenSearchSession);
  TimedBuilder builder(arguments.build_ms * arguments.scale, arguments.build_sigma);
  TimedRunner runner(arguments.run_ms * arguments.scale, arguments.run_sigma);
  LocalFarmOptions options;
  options.build_threads = arguments.builders;
  int rounds = 0;
  const absl::Time start = absl::Now();
  LocalFarm farm(database, search, builder, runner, options, [&](const TuningEvent& event) {
    if (event.kind != TuningEvent::Kind::kLog) return;
    ++rounds;
    if (arguments.verbose) std::printf("%.2f s\n%s", absl::ToDoubleSeconds(absl::Now() - start), event.log.c_str());
  });
  HONE_ASSIGN_OR_RETURN(const JobReport report, farm.Run(job));
  const TimeSplit& time = report.time;
  std::printf(
      "%lld trials in %d rounds, %.2f s: %.0f a minute; device idle %.1f %% of the wall; search %.3f, model %.3f s a "
      "round; builds %.2f, runs %.2f s in all\n",
      static_cast<long long>(report.trials), rounds, time.wall, 60.0 * static_cast<double>(report.trials) / time.wall,
      100 * time.run_idle / time.wall, time.search / rounds, time.model / rounds, time.build, time.run);
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("How well search, build and measurement overlap, with builders and a runner that only wait.",
               "pipeline");
  app.add_option("WORKLOAD", arguments.workload, "A TVMScript program")->required()->check(CLI::ExistingFile);
  app.add_option("--target", arguments.target, "What is searched for")->capture_default_str();
  app.add_option("--space", arguments.space, "The design space")->capture_default_str();
  app.add_option("--trials", arguments.trials, "Candidates")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--round", arguments.round, "Candidates a round")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--builders", arguments.builders, "Builds at once")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--threads", arguments.threads, "Of the search")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--seed", arguments.seed, "Of the search")->capture_default_str();
  app.add_option("--build-ms", arguments.build_ms, "Median of a build")->capture_default_str();
  app.add_option("--build-sigma", arguments.build_sigma, "Spread of builds, as of a log-normal")->capture_default_str();
  app.add_option("--run-ms", arguments.run_ms, "Median of a measurement")->capture_default_str();
  app.add_option("--run-sigma", arguments.run_sigma, "Spread of measurements")->capture_default_str();
  app.add_option("--scale", arguments.scale, "Multiplies both medians")->capture_default_str();
  app.add_flag("--verbose", arguments.verbose, "Also the search's log");
  CLI11_PARSE(app, argc, argv);
  SetLogLevel(LogLevel::kWarning);
  const absl::Status status = Run(arguments);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace hone::bench

int main(int argc, char** argv) { return hone::bench::RunMain(hone::bench::Main, argc, argv); }
