// Times the libraries on workloads, each with every kernel set of OpenBLAS that may suit this CPU.
//   peers [--threads N] [--json] WORKLOAD...       (workload_spec.h says how one is written)
// Prints for each workload all libraries, best first; with --json an array of
//   {"workload", "threads", "best": {"library", "seconds"}, "all": [...], "gflops"}.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "bench/peers.h"
#include "bench/timing.h"
#include "nlohmann/json.hpp"

namespace hone::bench {
namespace {

constexpr const char* kCoreTypes[] = {"", "SkylakeX", "Cooperlake", "Zen", "Haswell"};

struct Options {
  int threads = 0;
  bool json = false;
  std::string only;  // "openblas": prints one line a workload for the parent process.
  std::vector<std::string> workloads;
};

void AddTimings(const Options& options, const WorkloadSpec& spec, bool openblas, std::vector<PeerTiming>& timings) {
  const int threads = static_cast<int>(BenchCpus(options.threads).size());
  const absl::StatusOr<PeerTiming> timing = openblas ? TimeOpenBlas(spec, threads) : TimeOneDnn(spec, threads);
  if (timing.ok()) timings.push_back(*timing);
}

// OpenBLAS reads OPENBLAS_CORETYPE when it is loaded: one process for each value.
void AddOpenBlasOf(const std::string& core_type, const Options& options, const std::string& workload,
                   std::vector<PeerTiming>& timings) {
  if (core_type.empty()) {
    unsetenv("OPENBLAS_CORETYPE");
  } else {
    setenv("OPENBLAS_CORETYPE", core_type.c_str(), 1);
  }
  char self[4096] = {};
  if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0) return;
  const std::string command = std::string("'") + self + "' --only-openblas --threads " + std::to_string(options.threads) +
                              " '" + workload + "' 2>/dev/null";
  FILE* pipe = popen(command.c_str(), "r");
  char line[256];
  while (pipe != nullptr && fgets(line, sizeof(line), pipe) != nullptr) {
    char* separator = strchr(line, '\t');
    if (separator == nullptr) continue;
    *separator = 0;
    timings.push_back({line, atof(separator + 1)});
  }
  if (pipe != nullptr) pclose(pipe);
}

int Usage() {
  fprintf(stderr, "usage: peers [--threads N] [--json] WORKLOAD...\n");
  return 2;
}

bool Parse(int argc, char** argv, Options* options) {
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--json") {
      options->json = true;
    } else if (argument == "--only-openblas") {
      options->only = "openblas";
    } else if (argument == "--threads" && i + 1 < argc) {
      options->threads = atoi(argv[++i]);
    } else if (argument[0] == '-') {
      return false;
    } else {
      options->workloads.push_back(argument);
    }
  }
  return !options->workloads.empty();
}

nlohmann::json ToJson(const PeerTiming& timing) {
  return {{"library", timing.library}, {"seconds", timing.median_seconds}};
}

int Main(int argc, char** argv) {
  Options options;
  if (!Parse(argc, argv, &options)) return Usage();
  const std::vector<int> cpus = BenchCpus(options.threads);
  ConfineTo(cpus);
  nlohmann::json results = nlohmann::json::array();
  for (const std::string& workload : options.workloads) {
    const absl::StatusOr<WorkloadSpec> spec = ParseWorkloadSpec(workload);
    if (!spec.ok()) {
      fprintf(stderr, "%s\n", std::string(spec.status().message()).c_str());
      return 2;
    }
    std::vector<PeerTiming> timings;
    if (options.only == "openblas") {
      AddTimings(options, *spec, /*openblas=*/true, timings);
      for (const PeerTiming& t : timings) printf("%s\t%.9g\n", t.library.c_str(), t.median_seconds);
      continue;
    }
    AddTimings(options, *spec, /*openblas=*/false, timings);
    for (const char* core_type : kCoreTypes) AddOpenBlasOf(core_type, options, workload, timings);
    std::sort(timings.begin(), timings.end(),
              [](const PeerTiming& a, const PeerTiming& b) { return a.median_seconds < b.median_seconds; });
    if (options.json) {
      nlohmann::json all = nlohmann::json::array();
      for (const PeerTiming& t : timings) all.push_back(ToJson(t));
      results.push_back({{"workload", workload},
                         {"threads", cpus.size()},
                         {"best", timings.empty() ? nlohmann::json() : ToJson(timings[0])},
                         {"all", all},
                         {"gflops", timings.empty() ? 0 : OperationsOf(*spec) / timings[0].median_seconds * 1e-9}});
      continue;
    }
    printf("%s, %zu threads\n", workload.c_str(), cpus.size());
    for (const PeerTiming& t : timings) {
      printf("  %-32s %10.3f us  %8.1f GFLOP/s\n", t.library.c_str(), t.median_seconds * 1e6,
             OperationsOf(*spec) / t.median_seconds * 1e-9);
    }
  }
  if (options.json && options.only.empty()) printf("%s\n", results.dump(1).c_str());
  return 0;
}

}  // namespace
}  // namespace hone::bench

int main(int argc, char** argv) { return hone::bench::Main(argc, argv); }
