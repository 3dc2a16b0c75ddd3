// Compiles recorded candidates for this machine and compares what they compute with the unscheduled workload:
//
// Workloads that are no standard ones are looked up in workloads.jsonl beside the file.
//
// Prints one line a failure and totals: seconds to lower and to compile, kernel bytes.
#include <dlfcn.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "bench/run_main.h"
#include "common/interp/interpreter.h"
#include "common/lower/lower.h"
#include "common/script/parser.h"
#include "common/support/status_macros.h"
#include "common/target/host.h"
#include "common/workload/standard.h"
#include "nlohmann/json.hpp"
#include "worker/codegen/llvm/llvm_codegen.h"
#include "worker/runner/elf_loader.h"

namespace hone::bench {
namespace {

double CpuSeconds() {
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

struct Totals {
  int built = 0, wrong = 0, failed = 0;
  double lower_seconds = 0, compile_seconds = 0, slowest = 0, run_seconds = 0, log_run = 0;
  size_t bytes = 0;
};

absl::StatusOr<std::vector<interp::Tensor>> Compute(const ir::IRModule& module, const Target& target, uint64_t seed,
                                                    codegen::OptLevel opt, Totals& totals) {
  const double t0 = CpuSeconds();
  HONE_ASSIGN_OR_RETURN(const ir::IRModule lowered, lower::Lower(module, target));
  const double t1 = CpuSeconds();
  codegen::CompileOptions options;
  options.opt = opt;
  HONE_ASSIGN_OR_RETURN(const codegen::CompiledKernel kernel, codegen::CompileCpu(lowered, target, options));
  const double t2 = CpuSeconds();
  ++totals.built;
  totals.lower_seconds += t1 - t0;
  totals.compile_seconds += t2 - t1;
  totals.slowest = std::max(totals.slowest, t2 - t0);
  totals.bytes += kernel.object.size();
  runner::LoadedObject loaded;
  const std::string problem = runner::LoadElfObject(kernel.object, kernel.entry, Resolve, &loaded);
  if (!problem.empty()) return absl::InternalError(problem);
  HONE_ASSIGN_OR_RETURN(std::vector<interp::Tensor> tensors, interp::RandomArgs(module, seed));
  std::vector<void*> buffers;
  for (interp::Tensor& tensor : tensors) {
    void* memory = std::aligned_alloc(64, (tensor.bytes.size() + 127) / 64 * 64);
    std::memcpy(memory, tensor.bytes.data(), tensor.bytes.size());
    buffers.push_back(memory);
  }
  const auto entry = reinterpret_cast<int32_t (*)(void**)>(loaded.entry);
  const int code = entry(buffers.data());
  double best = HUGE_VAL;
  for (int i = 0; i < 3; ++i) {
    const double a = CpuSeconds();
    entry(buffers.data());
    best = std::min(best, CpuSeconds() - a);
  }
  totals.run_seconds += best;
  totals.log_run += std::log(best);
  for (size_t i = 0; i < tensors.size(); ++i) {
    std::memcpy(tensors[i].bytes.data(), buffers[i], tensors[i].bytes.size());
    std::free(buffers[i]);
  }
  if (code != 0) return absl::InternalError("the kernel reported an error");
  return tensors;
}

void Print(const char* name, const Totals& t) {
  const double n = std::max(1, t.built);
  std::printf(
      "%-10s built %d, failed %d, wrong %d; lower %.3f ms, compile %.2f ms (slowest %.1f), %.0f bytes; run geomean "
      "%.1f us\n",
      name, t.built, t.failed, t.wrong, t.lower_seconds / n * 1e3, t.compile_seconds / n * 1e3, t.slowest * 1e3,
      t.bytes / n, std::exp(t.log_run / n) * 1e6);
}

int Check(const std::string& path, const std::string& kind, const std::string& workload) {
  const Target target = DetectHost();
  const bool stock = std::getenv("STOCK") != nullptr;
  const auto opt = stock ? codegen::OptLevel::kStock : codegen::OptLevel::kFast;
  std::map<std::string, std::vector<interp::Tensor>> references;
  Totals totals, ignored;
  std::map<std::string, std::string> scripts;
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  std::ifstream workloads(folder + "workloads.jsonl");
  std::string line;
  while (std::getline(workloads, line)) {
    const auto record = nlohmann::json::parse(line);
    scripts[record.value("id", "")] = record.value("script", "");
  }
  std::ifstream in(path);
  int number = 0;
  while (std::getline(in, line)) {
    ++number;
    const auto record = nlohmann::json::parse(line);
    const std::string name = record.value("workload", "");
    if (record.value("kind", "") != kind || (!workload.empty() && name != workload)) continue;
    const char* field = record.contains("final") && record["final"].is_string() ? "final" : nullptr;
    if (field == nullptr) continue;
    auto scheduled = script::ParseModule(record[field].get<std::string>());
    if (!scheduled.ok()) {
      std::printf("line %d %s: %s\n", number, name.c_str(), scheduled.status().ToString().c_str());
      ++totals.failed;
      continue;
    }
    auto original = workload::StandardByLabel(name);
    if (!original.ok()) {
      if (!scripts.count(name)) continue;
      original = script::ParseModule(scripts[name]);
    }
    if (!original.ok()) continue;
    if (!references.count(name)) {
      auto computed = Compute(*original, target, 7, opt, ignored);
      if (!computed.ok()) {
        std::printf("%s: %s\n", name.c_str(), computed.status().ToString().c_str());
        continue;
      }
      references[name] = *computed;
    }
    const double before = totals.run_seconds, compile_before = totals.compile_seconds;
    auto got = Compute(*scheduled, target, 7, opt, totals);
    if (!got.ok()) {
      std::printf("line %d %s: %s\n", number, name.c_str(), got.status().ToString().c_str());
      ++totals.failed;
      continue;
    }
    if (std::getenv("VERBOSE") != nullptr) {
      std::printf("line %d %s: compile %.1f ms run %.1f us\n", number, name.c_str(),
                  (totals.compile_seconds - compile_before) * 1e3, (totals.run_seconds - before) * 1e6);
    }
    const auto& expected = references[name];
    for (size_t i = 0; i < expected.size(); ++i) {
      const double tolerance = 8 * interp::Tolerance(expected[i].dtype, 4096);
      const auto difference = interp::Compare((*got)[i], expected[i], tolerance, tolerance);
      if (difference.close) continue;
      ++totals.wrong;
      std::printf("line %d %s: parameter %zu element %ld: %g, expected %g\n", number, name.c_str(), i,
                  static_cast<long>(difference.worst), difference.got, difference.expected);
      break;
    }
    std::fflush(stdout);
  }
  Print(kind.c_str(), totals);
  return totals.wrong + totals.failed > 0;
}

}  // namespace
}  // namespace hone::bench

namespace {

int Main(int argc, char** argv) {
  std::string samples, kind = "llvm", workload;
  CLI::App app("Compiles recorded candidates for this machine and compares what they compute with the workload.",
               "sample_check");
  app.add_option("SAMPLES", samples, "JSON lines with `workload`, `kind` and a `final` script")->required();
  app.add_option("KIND", kind, "Only candidates of this kind")->capture_default_str();
  app.add_option("WORKLOAD", workload, "Only candidates of this workload");
  CLI11_PARSE(app, argc, argv);
  return hone::bench::Check(samples, kind, workload);
}

}  // namespace

int main(int argc, char** argv) { return hone::bench::RunMain(Main, argc, argv); }
