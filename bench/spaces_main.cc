// How many design spaces a core generates a second: post-order-apply with the default rules of a kind, on the standard
// workloads. A generation makes all spaces of a workload, from its parsed module to the finished traces; its rules are
// initialised anew, as for a new task. Single thread, CPU time, the median of the repeats.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "bench/run_main.h"
#include "common/intrin/intrin.h"
#include "common/support/check.h"
#include "common/support/strings.h"
#include "common/workload/standard.h"
#include "nlohmann/json.hpp"
#include "server/space/space_factory.h"

namespace hone::bench {
namespace {

double CpuSeconds() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

std::string_view TargetOf(std::string_view kind) {
  if (kind == "llvm") return "llvm -mcpu=haswell -num-cores=16";
  if (kind == "vnni") return "llvm -mcpu=cascadelake -num-cores=16";
  if (kind == "cuda") return "nvidia/nvidia-v100";
  if (kind == "cuda-tensorcore") return "nvidia/nvidia-a100";
  if (kind == "hexagon") return "qcom/hexagon-v68";
  std::fprintf(stderr, "spaces: unknown kind %s\n", std::string(kind).c_str());
  std::exit(2);
}

struct Row {
  std::string name;
  size_t spaces = 0;
  int repeats = 0;
  double median_secs = 0;
};

size_t Generate(const ir::IRModule& module, const SpaceContext& context, int64_t seed) {
  auto generator = MakeSpaceGenerator("post-order-apply", context, module);
  HONE_CHECK(generator.ok()) << generator.status().ToString();
  const auto spaces = (*generator)->Generate(module, seed);
  HONE_CHECK(spaces.ok()) << spaces.status().ToString();
  return spaces->size();
}

Row Measure(const std::string& name, const ir::IRModule& module, const SpaceContext& context, double seconds) {
  Row row{name};
  std::vector<double> times;
  const double begin = CpuSeconds();
  for (int64_t seed = 1; times.size() < 5 || CpuSeconds() - begin < seconds; ++seed) {
    const double before = CpuSeconds();
    row.spaces = Generate(module, context, seed);
    times.push_back(CpuSeconds() - before);
  }
  std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
  row.median_secs = times[times.size() / 2];
  row.repeats = static_cast<int>(times.size());
  return row;
}

int Run(std::string_view kind, double seconds, const std::string& json_file) {
  absl::StatusOr<Target> target = Target::Parse(TargetOf(kind));
  HONE_CHECK(target.ok()) << target.status().ToString();
  const SpaceContext context{*target, FindTensorIntrin};
  workload::StandardOptions options;
  options.for_gpu = kind.starts_with("cuda");
  nlohmann::json rows = nlohmann::json::array();
  std::printf("%-16s %7s %12s %14s %12s\n", "workload", "spaces", "generation", "generations/s", "spaces/s");
  double total_secs = 0, total_spaces = 0, slowest = 1e30;
  int count = 0;
  for (const workload::StandardName& name : workload::StandardNames()) {
    for (int i = 0; i < name.configurations; ++i) {
      const auto module = workload::Standard(name.name, i, options);
      HONE_CHECK(module.ok()) << module.status().ToString();
      const Row row = Measure(StrCat(name.name, ":", i), *module, context, seconds / name.configurations);
      const double a_second = static_cast<double>(row.spaces) / row.median_secs;
      std::printf("%-16s %7zu %9.3f ms %14.0f %12.0f\n", row.name.c_str(), row.spaces, row.median_secs * 1e3,
                  1 / row.median_secs, a_second);
      rows.push_back({{"workload", row.name},
                      {"spaces", row.spaces},
                      {"repeats", row.repeats},
                      {"generation_secs", row.median_secs},
                      {"spaces_per_sec", a_second}});
      total_secs += row.median_secs;
      total_spaces += static_cast<double>(row.spaces);
      slowest = std::min(slowest, a_second);
      ++count;
    }
  }
  std::printf("%-16s %7.0f %9.3f ms %14.0f %12.0f   slowest workload %.0f spaces/s\n", "all", total_spaces,
              total_secs * 1e3, count / total_secs, total_spaces / total_secs, slowest);
  if (json_file.empty()) return 0;
  const nlohmann::json out = {{"kind", std::string(kind)},
                              {"rows", rows},
                              {"spaces_per_sec", total_spaces / total_secs},
                              {"slowest_spaces_per_sec", slowest}};
  std::ofstream file(json_file);
  file << out.dump(1) << "\n";
  return file.good() ? 0 : 1;
}

}  // namespace
}  // namespace hone::bench

namespace {

int Main(int argc, char** argv) {
  std::string kind = "llvm", json_file;
  double seconds = 0.3;
  CLI::App app("How many design spaces a core generates a second, for each standard workload.", "spaces");
  app.add_option("--kind", kind, "Whose default rules")
      ->check(CLI::IsMember({"llvm", "vnni", "cuda", "cuda-tensorcore", "hexagon"}))
      ->capture_default_str();
  app.add_option("--seconds", seconds, "CPU time a workload")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--json", json_file, "Also write the figures to this file");
  CLI11_PARSE(app, argc, argv);
  return hone::bench::Run(kind, seconds, json_file);
}

}  // namespace

int main(int argc, char** argv) { return hone::bench::RunMain(Main, argc, argv); }
