// Where builds for GPUs spend their time, candidate by candidate; needs NVRTC and no GPU.
//   gpu_builds WORKLOAD.py [--target nvidia/nvidia-h200] [--space hone] [--count 64] [--seed 0] [--traces FILE]
//              [--from 0] [--step 1] [--dump FOLDER] [--compile yes]
// Candidates are those of the replay-trace strategy, or those of a file with a trace a line, the postprocs' part left
// out. Prints a line each: CPU seconds of lowering, NVRTC and ptxas together, bytes of source, threads a block,
// registers, bytes spilled, bytes of the artifact. FOLDER gets sources and traces; every STEPth candidate is taken.
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
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
  HONE_ASSIGN_OR_RETURN(const codegen::CudaSource source, codegen::EmitCuda(lowered, target));
  const double start = CpuSeconds();
  if (!dump.empty()) {
    std::ofstream(StrCat(dump, "/", index, ".cu")) << source.text;
    std::ofstream(StrCat(dump, "/", index, ".json")) << request.trace_json;
  }
  if (!compile) return absl::OkStatus();
  HONE_ASSIGN_OR_RETURN(const codegen::CudaKernels kernels, codegen::CompileCuda(lowered, target));
  const codegen::KernelLaunch& kernel = kernels.plan.kernels[0];
  std::printf("%4d %6.2f s  source %7zu  threads %4u  registers %3d  spilled %5d  cubin %zu\n", index,
              CpuSeconds() - start, source.text.size(), kernel.block[0] * kernel.block[1] * kernel.block[2],
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

absl::Status Run(int argc, char** argv) {
  std::string target_text = "nvidia/nvidia-h200", dump, traces, space = "hone";
  int count = 64, seed = 0, from = 0, step = 1;
  bool compile = true;
  for (int i = 2; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--target") == 0) target_text = argv[i + 1];
    if (std::strcmp(argv[i], "--space") == 0) space = argv[i + 1];
    if (std::strcmp(argv[i], "--count") == 0) count = std::atoi(argv[i + 1]);
    if (std::strcmp(argv[i], "--seed") == 0) seed = std::atoi(argv[i + 1]);
    if (std::strcmp(argv[i], "--dump") == 0) dump = argv[i + 1];
    if (std::strcmp(argv[i], "--traces") == 0) traces = argv[i + 1];
    if (std::strcmp(argv[i], "--compile") == 0) compile = std::strcmp(argv[i + 1], "no") != 0;
    if (std::strcmp(argv[i], "--from") == 0) from = std::atoi(argv[i + 1]);
    if (std::strcmp(argv[i], "--step") == 0) step = std::atoi(argv[i + 1]);
  }
  std::ifstream in(argv[1]);
  const std::string script{std::istreambuf_iterator<char>(in), {}};
  HONE_ASSIGN_OR_RETURN(const Target target, Target::Parse(target_text));
  HONE_ASSIGN_OR_RETURN(const std::vector<BuildRequest> requests,
                        traces.empty() ? RandomCandidates(script, target, count, seed, space)
                                       : GivenCandidates(traces, script, target, space));
  for (size_t i = from; i < requests.size(); i += step) {
    const absl::Status status = BuildOne(requests[i], target, static_cast<int>(i), dump, compile);
    if (!status.ok()) std::printf("%4zu %s\n", i, std::string(status.message()).c_str());
  }
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  if (argc < 2) return 2;
  SetLogLevel(LogLevel::kWarning);
  const absl::Status status = Run(argc, argv);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace hone::bench

int main(int argc, char** argv) { return hone::bench::RunMain(hone::bench::Main, argc, argv); }
