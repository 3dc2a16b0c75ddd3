// Times the libraries on workloads, each with every kernel set of OpenBLAS that may suit this CPU.
// Prints for each workload (workload_spec.h says how one is written) all libraries, best first; with --json an array of
//   {"workload", "threads", "best": {"library", "seconds"}, "all": [...], "gflops"}.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "bench/peer_table.h"
#include "bench/run_main.h"
#include "bench/timing.h"
#include "bench/workload_spec.h"
#include "nlohmann/json.hpp"

namespace hone::bench {
namespace {

struct Options {
  int threads = 0;
  bool json = false;
  std::vector<std::string> workloads;
};

nlohmann::json ToJson(const PeerTiming& timing) {
  return {{"library", timing.library}, {"seconds", timing.median_seconds}};
}

nlohmann::json Report(const std::string& workload, const WorkloadSpec& spec, const Options& options) {
  const std::vector<PeerTiming> timings = TimeAllPeers(workload, options.threads);
  const size_t threads = BenchCpus(options.threads).size();
  nlohmann::json all = nlohmann::json::array();
  if (!options.json) std::printf("%s, %zu threads\n", workload.c_str(), threads);
  for (const PeerTiming& t : timings) {
    all.push_back(ToJson(t));
    if (options.json) continue;
    std::printf("  %-32s %10.3f us  %8.1f GFLOP/s\n", t.library.c_str(), t.median_seconds * 1e6,
                OperationsOf(spec) / t.median_seconds * 1e-9);
  }
  return {{"workload", workload},
          {"threads", threads},
          {"best", timings.empty() ? nlohmann::json() : ToJson(timings[0])},
          {"all", all},
          {"gflops", timings.empty() ? 0 : OperationsOf(spec) / timings[0].median_seconds * 1e-9}};
}

int Main(int argc, char** argv) {
  if (const std::optional<int> code = RunAsPeerChild(argc, argv)) return *code;
  Options options;
  CLI::App app("Times OpenBLAS, with every kernel set that may suit this CPU, and oneDNN on workloads.", "peers");
  app.add_option("--threads", options.threads, "0: one on each physical core")->check(CLI::NonNegativeNumber);
  app.add_flag("--json", options.json, "JSON instead of text");
  app.add_option("WORKLOAD", options.workloads, "Such as matmul:512,512,512 or conv2d_nhwc:1,56,56,64,64,3,3,1,1")
      ->required();
  CLI11_PARSE(app, argc, argv);
  nlohmann::json results = nlohmann::json::array();
  for (const std::string& workload : options.workloads) {
    const absl::StatusOr<WorkloadSpec> spec = ParseWorkloadSpec(workload);
    if (!spec.ok()) {
      std::fprintf(stderr, "%s\n", std::string(spec.status().message()).c_str());
      return 2;
    }
    results.push_back(Report(workload, *spec, options));
  }
  if (options.json) std::printf("%s\n", results.dump(1).c_str());
  return 0;
}

}  // namespace
}  // namespace hone::bench

int main(int argc, char** argv) { return hone::bench::RunMain(hone::bench::Main, argc, argv); }
