// Where builds for GPUs spend their time, candidate by candidate; needs NVRTC and no GPU.
// Candidates are those of the replay-trace strategy, or those of a file with a trace a line, the postprocs' part left
// out. Prints a line each: CPU seconds of emission, NVRTC and ptxas together, bytes of source, threads a block,
// registers, bytes spilled, bytes of the artifact.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/candidates.h"
#include "bench/run_main.h"
#include "common/intrin/intrin.h"
#include "common/lower/lower.h"
#include "common/schedule/trace_json.h"
#include "common/script/parser.h"
#include "common/support/log.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/search/candidate_factory.h"
#include "server/space/space_factory.h"
#include "worker/codegen/cuda/cuda_codegen.h"

namespace hone::bench {
namespace {

// CPU seconds of this process: the machine may be busy.
double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec) + 1e-6 * static_cast<double>(usage.ru_utime.tv_usec);
}

absl::Status BuildOne(const BuildRequest& request, const Target& target, int index, const std::string& dump,
                      bool compile) {
  HONE_ASSIGN_OR_RETURN(const ir::IRModule scheduled, ScheduledModule(request));
  HONE_ASSIGN_OR_RETURN(const ir::IRModule lowered, lower::Lower(scheduled, target));
  const double start = CpuSeconds();
  HONE_ASSIGN_OR_RETURN(codegen::CudaSource source, codegen::EmitCuda(lowered, target));
  if (!dump.empty()) {
    std::ofstream(StrCat(dump, "/", index, ".cu")) << source.text;
    std::ofstream(StrCat(dump, "/", index, ".json")) << request.trace_json;
  }
  if (!compile) return absl::OkStatus();
  HONE_ASSIGN_OR_RETURN(const codegen::CudaKernels kernels, codegen::CompileCuda(std::move(source)));
  const codegen::KernelLaunch& kernel = kernels.plan.kernels[0];
  std::printf("%4d %6.2f s  source %7zu  threads %4u  registers %3d  spilled %5d  cubin %zu\n", index,
              CpuSeconds() - start, kernels.source.size(), kernel.block[0] * kernel.block[1] * kernel.block[2],
              static_cast<int>(kernel.registers), static_cast<int>(kernel.spill_bytes), kernels.artifact.size());
  std::fflush(stdout);
  return absl::OkStatus();
}

// The candidates that the traces of `path`, one a line and without the postprocs' part, stand for.
absl::StatusOr<std::vector<BuildRequest>> GivenCandidates(const std::string& path, const std::string& script,
                                                          const Target& target, const std::string& space) {
  HONE_ASSIGN_OR_RETURN(ir::IRModule workload, script::ParseModule(script));
  HONE_ASSIGN_OR_RETURN(const std::unique_ptr<SpaceGenerator> generator,
                        MakeSpaceGenerator(space, {target, FindTensorIntrin}, workload, {}));
  schedule::ScheduleOptions options;
  options.seed = 1;
  options.intrinsics = FindTensorIntrin;
  HONE_ASSIGN_OR_RETURN(schedule::Schedule start, schedule::Schedule::Create(workload, options));
  const CandidateFactory factory(std::move(start), target, *generator, /*with_features=*/false);
  std::vector<BuildRequest> requests;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    HONE_ASSIGN_OR_RETURN(const schedule::Trace trace, schedule::TraceFromJson(line));
    const absl::StatusOr<schedule::Trace> whole = factory.FinalTrace(trace);
    if (!whole.ok()) {
      std::printf("left out: %s\n", std::string(whole.status().message()).c_str());
      continue;
    }
    BuildRequest& request = requests.emplace_back();
    request.workload_script = script;
    request.target_json = target.ToJson();
    HONE_ASSIGN_OR_RETURN(request.trace_json, schedule::TraceToJson(*whole));
  }
  return requests;
}

struct Arguments {
  std::string workload, dump, traces;
  std::string target = "nvidia/nvidia-h200", space = "hone";
  int count = 64, seed = 0, from = 0, step = 1;
  bool no_compile = false;
};

absl::Status Run(const Arguments& arguments) {
  std::ifstream in(arguments.workload);
  const std::string script{std::istreambuf_iterator<char>(in), {}};
  HONE_ASSIGN_OR_RETURN(const Target target, Target::Parse(arguments.target));
  HONE_ASSIGN_OR_RETURN(const std::vector<BuildRequest> requests,
                        arguments.traces.empty()
                            ? RandomCandidates(script, target, arguments.count, arguments.seed, arguments.space)
                            : GivenCandidates(arguments.traces, script, target, arguments.space));
  for (size_t i = arguments.from; i < requests.size(); i += arguments.step) {
    const absl::Status status =
        BuildOne(requests[i], target, static_cast<int>(i), arguments.dump, !arguments.no_compile);
    if (!status.ok()) std::printf("%4zu %s\n", i, std::string(status.message()).c_str());
  }
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Where builds for GPUs spend their time, candidate by candidate; needs NVRTC and no GPU.", "gpu_builds");
  app.add_option("WORKLOAD", arguments.workload, "A TVMScript program")->required()->check(CLI::ExistingFile);
  app.add_option("--target", arguments.target, "What the candidates are built for")->capture_default_str();
  app.add_option("--space", arguments.space, "The design space")->capture_default_str();
  app.add_option("--count", arguments.count, "Random candidates")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--seed", arguments.seed, "Of the random candidates")->capture_default_str();
  app.add_option("--traces", arguments.traces, "Candidates of this file instead, a trace a line")
      ->check(CLI::ExistingFile);
  app.add_option("--from", arguments.from, "The first one taken")->check(CLI::NonNegativeNumber)->capture_default_str();
  app.add_option("--step", arguments.step, "Take every Nth")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--dump", arguments.dump, "A folder for sources and traces")->check(CLI::ExistingDirectory);
  app.add_flag("--no-compile", arguments.no_compile, "Only make the sources");
  CLI11_PARSE(app, argc, argv);
  SetLogLevel(LogLevel::kWarning);
  const absl::Status status = Run(arguments);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace hone::bench

int main(int argc, char** argv) { return hone::bench::RunMain(hone::bench::Main, argc, argv); }
