// Candidates built a second by one compile process: script and trace in, loadable object out, no cache.
// Candidates are those of the replay-trace strategy with seed 0, design spaces of kind llvm.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "bench/candidates.h"
#include "bench/run_main.h"
#include "common/script/printer.h"
#include "common/support/log.h"
#include "common/support/strings.h"
#include "common/target/host.h"
#include "common/workload/standard.h"
#include "worker/builder/build_one.h"
#include "worker/builder/local_builder.h"

namespace hone::bench {
namespace {

// CPU seconds of the compile children so far: the machine may be busy.
double ChildSeconds(builder::LocalBuilder& builder) {
  double ticks = 0;
  for (const pid_t pid : builder.pool().Children()) {
    std::ifstream in(StrCat("/proc/", pid, "/stat"));
    std::string text{std::istreambuf_iterator<char>(in), {}};
    const size_t name_end = text.rfind(')');
    if (name_end == std::string::npos) continue;
    std::istringstream fields(text.substr(name_end + 1));
    std::string skipped;
    for (int i = 0; i < 11; ++i) fields >> skipped;  // State to cmajflt; utime and stime follow.
    double user = 0, system = 0;
    fields >> user >> system;
    ticks += user + system;
  }
  return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

int Main(int argc, char** argv) {
  std::string workload = "GMM:2", target = DetectHost().ToString();
  int count = 128;
  CLI::App app("Candidates built a second by one compile process: script and trace in, loadable object out, no cache.",
               "builds");
  app.add_option("--workload", workload, "A standard workload and its configuration")->capture_default_str();
  app.add_option("--count", count, "Candidates")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--target", target, "What they are built for")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  SetLogLevel(LogLevel::kWarning);
  builder::LocalBuilderOptions options;
  options.workers = 1;
  options.cache_bytes = 0;
  options.pause_while_timing = false;
  auto builder = builder::LocalBuilder::Create(builder::BuildOne, builder::WarmUpCompiler, options);
  const absl::StatusOr<ir::IRModule> module = workload::StandardByLabel(workload);
  const absl::StatusOr<Target> parsed = Target::Parse(target);
  for (const absl::Status& status : {builder.status(), module.status(), parsed.status()}) {
    if (status.ok()) continue;
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    return 1;
  }
  const auto requests = RandomCandidates(script::PrintModule(*module), *parsed, count, /*seed=*/0);
  if (!requests.ok()) {
    std::fprintf(stderr, "%s\n", requests.status().ToString().c_str());
    return 1;
  }
  (*builder)->Build({requests->front()});  // Starts the child.
  const double cpu_start = ChildSeconds(**builder);
  const absl::Time start = absl::Now();
  const std::vector<BuildResult> results = (*builder)->Build(*requests);
  const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
  const double cpu_seconds = ChildSeconds(**builder) - cpu_start;
  int failed = 0;
  uint64_t bytes = 0;
  for (const BuildResult& result : results) {
    failed += result.failure.has_value() ? 1 : 0;
    if (result.failure.has_value()) std::printf("failed: %s\n", result.failure->message.c_str());
    if (result.artifact.has_value()) bytes += result.artifact->bytes.size();
  }
  std::printf(
      "%s: %zu candidates in %.2f s, %.1f a second and core (%.1f a CPU second), %d failed, %.1f KiB an object\n",
      workload.c_str(), results.size(), seconds, static_cast<double>(results.size()) / seconds,
      static_cast<double>(results.size()) / cpu_seconds, failed,
      static_cast<double>(bytes) / 1024 / static_cast<double>(results.size()));
  return 0;
}

}  // namespace
}  // namespace hone::bench

int main(int argc, char** argv) { return hone::bench::RunMain(hone::bench::Main, argc, argv); }
