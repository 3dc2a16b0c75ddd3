// What our own short LLVM pipeline costs in speed of kernels: random candidates of the standard workloads, each
// compiled from the same lowered program with it and with LLVM's stock -O3, the two kernels timed in turns on one CPU.
// Prints for each workload the geometric mean of (time with ours) / (time with stock O3), and for all: that over
// workloads, and candidates lowered and compiled a second.
#include <dlfcn.h>
#include <sched.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "bench/candidates.h"
#include "bench/run_main.h"
#include "common/interp/interpreter.h"
#include "common/lower/lower.h"
#include "common/script/printer.h"
#include "common/support/log.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/target/host.h"
#include "common/workload/standard.h"
#include "nlohmann/json.hpp"
#include "worker/codegen/llvm/llvm_codegen.h"
#include "worker/runner/elf_loader.h"

namespace hone::bench {
namespace {

// CPU time: the machine may be busy.
double Now() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

void* Resolve(const char* name) {
  static void* gomp = dlopen("libgomp.so.1", RTLD_NOW | RTLD_GLOBAL);
  static void* libm = dlopen("libm.so.6", RTLD_NOW | RTLD_GLOBAL);
  for (void* library : {static_cast<void*>(RTLD_DEFAULT), gomp, libm}) {
    if (void* symbol = dlsym(library, name)) return symbol;
  }
  return nullptr;
}

// Parameters at page-aligned addresses.
class Buffers {
 public:
  explicit Buffers(const std::vector<interp::Tensor>& tensors) {
    for (const interp::Tensor& tensor : tensors) {
      void* memory = std::aligned_alloc(4096, (tensor.bytes.size() + 64 + 4095) / 4096 * 4096);
      std::memcpy(memory, tensor.bytes.data(), tensor.bytes.size());
      pointers_.push_back(memory);
    }
  }
  ~Buffers() {
    for (void* pointer : pointers_) std::free(pointer);
  }
  Buffers(const Buffers&) = delete;
  Buffers& operator=(const Buffers&) = delete;
  void** data() { return pointers_.data(); }

 private:
  std::vector<void*> pointers_;
};

struct Compiled {
  int32_t (*entry)(void**) = nullptr;
  double compile_seconds = 0;
  std::vector<double> seconds;
};

absl::StatusOr<Compiled> Compile(const ir::IRModule& lowered, const Target& target, codegen::OptLevel opt) {
  codegen::CompileOptions options;
  options.opt = opt;
  Compiled out;
  const double start = Now();
  HONE_ASSIGN_OR_RETURN(const codegen::CompiledKernel kernel, codegen::CompileCpu(lowered, target, options));
  out.compile_seconds = Now() - start;
  runner::LoadedObject loaded;
  const std::string problem = runner::LoadElfObject(kernel.object, kernel.entry, Resolve, &loaded);
  if (!problem.empty()) return absl::InternalError(problem);
  out.entry = reinterpret_cast<int32_t (*)(void**)>(loaded.entry);
  return out;
}

double Sample(const Compiled& kernel, void** buffers, int calls) {
  const double start = Now();
  for (int i = 0; i < calls; ++i) kernel.entry(buffers);
  return (Now() - start) / calls;
}

struct Pair {
  double fast_seconds = 0, stock_seconds = 0;  // A call: the fastest of the samples.
  double lower_seconds = 0, fast_compile_seconds = 0, stock_compile_seconds = 0;
};

absl::StatusOr<Pair> Compare(const ir::IRModule& module, const Target& target, Buffers& buffers) {
  Pair out;
  const double start = Now();
  HONE_ASSIGN_OR_RETURN(const ir::IRModule lowered, lower::Lower(module, target));
  out.lower_seconds = Now() - start;
  HONE_ASSIGN_OR_RETURN(Compiled fast, Compile(lowered, target, codegen::OptLevel::kFast));
  HONE_ASSIGN_OR_RETURN(Compiled stock, Compile(lowered, target, codegen::OptLevel::kStock));
  out.fast_compile_seconds = fast.compile_seconds;
  out.stock_compile_seconds = stock.compile_seconds;
  fast.entry(buffers.data());
  const double once = std::max(1e-7, Sample(stock, buffers.data(), 1));
  const int calls = std::clamp(static_cast<int>(2e-3 / once), 1, 1000);
  const int rounds = std::clamp(static_cast<int>(0.15 / (once * calls)), 3, 40);
  out.fast_seconds = out.stock_seconds = HUGE_VAL;
  for (int i = 0; i < rounds; ++i) {
    out.fast_seconds = std::min(out.fast_seconds, Sample(fast, buffers.data(), calls));
    out.stock_seconds = std::min(out.stock_seconds, Sample(stock, buffers.data(), calls));
  }
  return out;
}

struct Options {
  std::vector<std::string> workloads;
  int schedules = 3;
  uint64_t seed = 0;
  bool verbose = false;
  std::string json_path;
  std::string keep;  // Folder for the scheduled programs, for kernel_lab.
};

std::vector<std::string> Labels(const Options& options) {
  std::vector<std::string> labels;
  const auto add_all = [&](const workload::StandardName& name) {
    for (int i = 0; i < name.configurations; ++i) labels.push_back(StrCat(name.name, ":", i));
  };
  if (options.workloads.empty()) {
    for (const workload::StandardName& name : workload::StandardNames()) add_all(name);
  }
  for (const std::string& wanted : options.workloads) {
    bool found = false;
    for (const workload::StandardName& name : workload::StandardNames()) {
      if (name.name == wanted) add_all(name), found = true;
    }
    if (!found) labels.push_back(wanted);
  }
  return labels;
}

struct Totals {
  double log_ratio = 0, build_seconds = 0, stock_seconds = 0;
  int pairs = 0, failed = 0;
};

absl::Status MeasureWorkload(const std::string& label, const Options& options, const Target& target, Totals& totals,
                             nlohmann::json& rows) {
  HONE_ASSIGN_OR_RETURN(const ir::IRModule original, workload::StandardByLabel(label));
  HONE_ASSIGN_OR_RETURN(const std::vector<BuildRequest> requests,
                        RandomCandidates(script::PrintModule(original), target, options.schedules, options.seed));
  HONE_ASSIGN_OR_RETURN(const std::vector<interp::Tensor> tensors, interp::RandomArgs(original, 1));
  Buffers buffers(tensors);
  double log_ratio = 0, worst = 0, fast_us = 0, stock_us = 0;
  int pairs = 0;
  for (size_t i = 0; i < requests.size(); ++i) {
    HONE_ASSIGN_OR_RETURN(const ir::IRModule scheduled, ScheduledModule(requests[i]));
    if (!options.keep.empty()) {
      std::ofstream(StrCat(options.keep, "/", label, ".", i, ".py")) << script::PrintModule(scheduled);
    }
    const absl::StatusOr<Pair> pair = Compare(scheduled, target, buffers);
    if (!pair.ok()) {
      std::printf("%s candidate %zu: %s\n", label.c_str(), i, pair.status().ToString().c_str());
      ++totals.failed;
      continue;
    }
    const double ratio = pair->fast_seconds / pair->stock_seconds;
    if (options.verbose) {
      std::printf("  %-16s candidate %zu  ours %10.1f us  stock %10.1f us  ratio %.3f  compile %5.1f ms, stock %6.1f\n",
                  label.c_str(), i, pair->fast_seconds * 1e6, pair->stock_seconds * 1e6, ratio,
                  (pair->lower_seconds + pair->fast_compile_seconds) * 1e3, pair->stock_compile_seconds * 1e3);
    }
    log_ratio += std::log(ratio);
    worst = std::max(worst, ratio);
    fast_us += pair->fast_seconds * 1e6;
    stock_us += pair->stock_seconds * 1e6;
    totals.build_seconds += pair->lower_seconds + pair->fast_compile_seconds;
    totals.stock_seconds += pair->lower_seconds + pair->stock_compile_seconds;
    ++pairs;
  }
  if (pairs == 0) return absl::OkStatus();
  totals.log_ratio += log_ratio;
  totals.pairs += pairs;
  std::printf("%-16s %2d  ours %10.1f us  stock %10.1f us  ratio %.3f  worst %.3f\n", label.c_str(), pairs,
              fast_us / pairs, stock_us / pairs, std::exp(log_ratio / pairs), worst);
  std::fflush(stdout);
  rows.push_back({{"workload", label}, {"pairs", pairs}, {"ratio", std::exp(log_ratio / pairs)}, {"worst", worst}});
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("Kernels of random candidates, compiled by our short LLVM pipeline and by stock -O3, timed in turns.",
               "codegen");
  app.add_option("--workloads", options.workloads, "Such as C2D:0,T2D; default: all standard ones")->delimiter(',');
  app.add_option("--schedules", options.schedules, "Candidates a workload")->capture_default_str();
  app.add_option("--seed", options.seed, "Of the candidates")->capture_default_str();
  app.add_flag("--verbose", options.verbose, "A line for every pair");
  app.add_option("--keep", options.keep, "A folder for the scripts and objects");
  app.add_option("--json", options.json_path, "Also write the figures to this file");
  CLI11_PARSE(app, argc, argv);
  SetLogLevel(LogLevel::kWarning);
  // libgomp may have read its environment already.
  if (auto* set_threads = reinterpret_cast<void (*)(int)>(Resolve("omp_set_num_threads"))) set_threads(1);
  const int cpu = sched_getcpu();
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof(set), &set);
  const Target target = DetectHost();
  Totals totals;
  nlohmann::json rows = nlohmann::json::array();
  for (const std::string& label : Labels(options)) {
    const absl::Status status = MeasureWorkload(label, options, target, totals, rows);
    if (status.ok()) continue;
    std::printf("%s: %s\n", label.c_str(), status.ToString().c_str());
    ++totals.failed;
  }
  const double geomean = std::exp(totals.log_ratio / std::max(1, totals.pairs));
  std::printf(
      "all: %d pairs, %d failed, geomean of ours / stock O3 %.4f; lowered and compiled a second: ours %.1f, "
      "stock %.1f\n",
      totals.pairs, totals.failed, geomean, totals.pairs / totals.build_seconds, totals.pairs / totals.stock_seconds);
  if (!options.json_path.empty()) {
    const nlohmann::json all = {{"workloads", rows},
                                {"geomean", geomean},
                                {"pairs", totals.pairs},
                                {"failed", totals.failed},
                                {"ours_builds_a_second", totals.pairs / totals.build_seconds},
                                {"stock_builds_a_second", totals.pairs / totals.stock_seconds}};
    std::ofstream(options.json_path) << all.dump(1) << "\n";
  }
  return totals.failed > 0;
}

}  // namespace
}  // namespace hone::bench

int main(int argc, char** argv) { return hone::bench::RunMain(hone::bench::Main, argc, argv); }
