// Broken kernels in a job on a GPU: 25 each that touch an illegal address, never end, want too much memory, or access
// memory out of alignment, in random order, with a time limit of one second. Every one has to end as its failure kind,
// and the medians of a good kernel's 20 measurements afterwards have to be within 1 % of the 20 before.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "bench/run_main.h"
#include "common/support/random.h"
#include "common/support/strings.h"
#include "worker/codegen/cuda/launch_plan.h"
#include "worker/codegen/cuda/nvrtc.h"
#include "worker/runner/cuda/cuda_runner.h"
#include "worker/runner/statistics.h"

namespace hone {
namespace {

constexpr int64_t kElements = int64_t{1} << 24;
constexpr int kEach = 25;
constexpr int kRepeats = 20;

struct Planted {
  const char* name;
  FailureKind expected;
  const char* part_of_message;
  const char* body;
  uint64_t temporary_bytes;
};

constexpr Planted kPlanted[] = {
    {"illegal address", FailureKind::kCrash, "ILLEGAL_ADDRESS", "b[i + (1ll << 40)] = a[i];", 0},
    {"endless loop", FailureKind::kRunTimeout, "in time",
     "volatile float* p = b; while (p[0] != 12345.0f) {} b[i] = a[i];", 0},
    {"out of memory", FailureKind::kRun, "OUT_OF_MEMORY", "b[i] = a[i];", uint64_t{1} << 42},
    {"bad alignment", FailureKind::kCrash, "MISALIGNED_ADDRESS",
     "*(float4*)((char*)b + 4) = make_float4(a[i], 0.0f, 0.0f, 0.0f);", 0},
};
constexpr char kGood[] = "b[i] = a[i] * 2.0f;";

absl::StatusOr<Artifact> Build(const std::string& body, uint64_t temporary_bytes, const std::string& arch) {
  const std::string source =
      StrCat("extern \"C\" __global__ void __launch_bounds__(256) k(const float* a, float* b) {\n",
             "  const long long i = (long long)blockIdx.x * 256 + threadIdx.x;\n  ", body, "\n}\n");
  absl::StatusOr<codegen::NvrtcResult> compiled = codegen::NvrtcCompile(source, arch);
  if (!compiled.ok()) return compiled.status();
  codegen::LaunchPlan plan;
  plan.arch = arch;
  codegen::KernelLaunch launch;
  launch.name = "k";
  launch.grid[0] = static_cast<uint32_t>(kElements / 256);
  launch.block[0] = 256;
  launch.args = {0, 1};
  plan.kernels.push_back(launch);
  if (temporary_bytes > 0) plan.temporary_bytes.push_back(temporary_bytes);
  Artifact artifact;
  artifact.format = "cubin";
  artifact.entry = "k";
  artifact.bytes = codegen::EncodeCubin(plan, compiled->cubin);
  artifact.args = {{"float32", {kElements}}, {"float32", {kElements}}};
  return artifact;
}

RunRequest RequestFor(const Artifact& artifact, absl::Duration timeout) {
  RunRequest request;
  request.artifact = artifact;
  request.policy = GpuMeasurementPolicy();
  request.policy.timeout = timeout;
  request.policy.repeat = request.policy.max_repeat = 10;
  return request;
}

// The medians of `kRepeats` measurements; false when one fails.
bool MeasureGood(Runner& runner, const Artifact& artifact, std::vector<double>* medians) {
  for (int i = 0; i < kRepeats; ++i) {
    const RunResult result = runner.Run(RequestFor(artifact, absl::Seconds(10)));
    if (result.failure.has_value()) {
      std::printf("the good kernel failed: %s\n", result.failure->message.c_str());
      return false;
    }
    medians->push_back(result.median);
  }
  return true;
}

int Main() {
  absl::StatusOr<std::unique_ptr<runner::CudaRunner>> runner = runner::CudaRunner::Create({});
  if (!runner.ok()) {
    std::printf("%s\n", std::string(runner.status().message()).c_str());
    return 1;
  }
  std::printf("%s\nsandbox: %s\n", (*runner)->DeviceFingerprintJson().c_str(), (*runner)->sandbox_layers().c_str());
  const std::string arch = "sm_90";
  absl::StatusOr<Artifact> good = Build(kGood, 0, arch);
  std::vector<Artifact> broken;
  for (const Planted& planted : kPlanted) {
    absl::StatusOr<Artifact> artifact = Build(planted.body, planted.temporary_bytes, arch);
    if (!artifact.ok()) good = artifact.status();
    if (artifact.ok()) broken.push_back(*std::move(artifact));
  }
  if (!good.ok()) {
    std::printf("%s\n", std::string(good.status().message()).c_str());
    return 1;
  }
  std::vector<double> before, after;
  if (!MeasureGood(**runner, *good, &before)) return 1;

  std::vector<int> order;
  for (int i = 0; i < kEach * 4; ++i) order.push_back(i % 4);
  CounterRandom random({7});
  for (size_t i = order.size() - 1; i > 0; --i) std::swap(order[i], order[static_cast<size_t>(random.Below(i + 1))]);
  int right[4] = {}, wrong = 0;
  const absl::Time begun = absl::Now();
  for (int which : order) {
    const RunResult result = (*runner)->Run(RequestFor(broken[static_cast<size_t>(which)], absl::Seconds(1)));
    const Planted& planted = kPlanted[which];
    const bool as_expected = result.failure.has_value() && result.failure->kind == planted.expected &&
                             result.failure->message.find(planted.part_of_message) != std::string::npos;
    right[which] += as_expected ? 1 : 0;
    if (as_expected || wrong++ >= 10) continue;
    std::printf("%s: %s: %s\n", planted.name,
                result.failure ? std::string(FailureKindName(result.failure->kind)).c_str() : "no failure",
                result.failure ? result.failure->message.c_str() : "");
  }
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begun);
  if (!MeasureGood(**runner, *good, &after)) return 1;
  for (int i = 0; i < 4; ++i) std::printf("%-16s %d of %d classified\n", kPlanted[i].name, right[i], kEach);
  std::printf("%d faults in %.1f s, %llu device processes\n", kEach * 4, seconds,
              static_cast<unsigned long long>((*runner)->processes_started()));
  const double ratio = runner::Median(after) / runner::Median(before);
  std::printf("good kernel: median %.3f us before, %.3f us after: %+.2f %%\n", runner::Median(before) * 1e6,
              runner::Median(after) * 1e6, (ratio - 1) * 100);
  return wrong == 0 ? 0 : 1;
}

}  // namespace
}  // namespace hone

int main(int argc, char** argv) {
  return hone::bench::RunMain([](int, char**) { return hone::Main(); }, argc, argv);
}
