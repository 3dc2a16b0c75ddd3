#include "bench/peer_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>

#include "bench/timing.h"
#include "common/support/strings.h"

namespace hone::bench {
namespace {

constexpr char kChildFlag[] = "--peer-child";
constexpr const char* kCoreTypes[] = {"", "SkylakeX", "Cooperlake", "Zen", "Haswell"};

// Adds what the child printed: "library\tseconds" a line.
void AddFromChild(const std::string& library, const std::string& core_type, const std::string& workload, int threads,
                  std::vector<PeerTiming>& timings) {
  char self[4096] = {};
  if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0) return;
  const std::string setting = core_type.empty() ? "" : StrCat("OPENBLAS_CORETYPE=", core_type, " ");
  const std::string command =
      StrCat(setting, "'", self, "' ", kChildFlag, " ", library, " ", threads, " '", workload, "' 2>/dev/null");
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return;
  char line[256];
  while (fgets(line, sizeof(line), pipe) != nullptr) {
    char* separator = strchr(line, '\t');
    if (separator == nullptr) continue;
    *separator = 0;
    timings.push_back({line, atof(separator + 1)});
  }
  pclose(pipe);
}

}  // namespace

std::optional<int> RunAsPeerChild(int argc, char** argv) {
  if (argc != 5 || strcmp(argv[1], kChildFlag) != 0) return std::nullopt;
  const absl::StatusOr<WorkloadSpec> spec = ParseWorkloadSpec(argv[4]);
  if (!spec.ok()) return 2;
  const std::vector<int> cpus = BenchCpus(atoi(argv[3]));
  ConfineTo(cpus);
  const int threads = static_cast<int>(cpus.size());
  const absl::StatusOr<PeerTiming> timing =
      strcmp(argv[2], "openblas") == 0 ? TimeOpenBlas(*spec, threads) : TimeOneDnn(*spec, threads);
  if (!timing.ok()) return 1;
  printf("%s\t%.9g\n", timing->library.c_str(), timing->median_seconds);
  return 0;
}

std::vector<PeerTiming> TimeAllPeers(const std::string& workload, int threads) {
  std::vector<PeerTiming> timings;
  AddFromChild("onednn", "", workload, threads, timings);
  const absl::StatusOr<WorkloadSpec> spec = ParseWorkloadSpec(workload);
  const bool has_blas = spec.ok() && spec->dtype == "float32" &&
                        (spec->kind == WorkloadKind::kMatmul || spec->kind == WorkloadKind::kMatmulBiasRelu);
  for (const char* core_type : kCoreTypes) {
    if (has_blas) AddFromChild("openblas", core_type, workload, threads, timings);
  }
  std::sort(timings.begin(), timings.end(),
            [](const PeerTiming& a, const PeerTiming& b) { return a.median_seconds < b.median_seconds; });
  return timings;
}

}  // namespace hone::bench
