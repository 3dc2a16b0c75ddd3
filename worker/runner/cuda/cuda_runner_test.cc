// The runner, its device process and their protocol, against a double of the driver (testing/fake_driver.cc): every way
// a kernel can end, and what becomes of the process.
#include "worker/runner/cuda/cuda_runner.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

#include "absl/time/clock.h"
#include "common/support/check.h"
#include "common/support/status_matchers.h"
#include "common/support/strings.h"
#include "worker/codegen/cuda/launch_plan.h"
#include "worker/local/device_class.h"
#include "worker/runner/input_set.h"

namespace hone::runner {
namespace {

constexpr int64_t kElements = 1024;

// b = 2 a, of whatever inputs.
class Doubled final : public ReferenceProvider {
 public:
  absl::StatusOr<std::shared_ptr<const Reference>> Get(const ReferenceKey& key) override {
    std::string bytes(kElements * sizeof(float), '\0');
    HONE_CHECK(FillTensor(key.args[0], key.input_seed, 0, reinterpret_cast<uint8_t*>(bytes.data())).ok());
    auto* values = reinterpret_cast<float*>(bytes.data());
    for (int64_t i = 0; i < kElements; ++i) values[i] *= 2;
    auto out = std::make_shared<Reference>();
    out->roles = {ArgRole::kInput, ArgRole::kOutput};
    out->contents = {"", bytes};
    return out;
  }
};

RunRequest RequestOf(const std::string& kernel) {
  codegen::LaunchPlan plan;
  plan.arch = "sm_90";
  codegen::KernelLaunch launch;
  launch.name = kernel;
  launch.grid[0] = kElements / 256;
  launch.block[0] = 256;
  launch.args = {0, 1};
  plan.kernels.push_back(launch);
  RunRequest request;
  request.artifact.format = "cubin";
  request.artifact.entry = kernel;
  request.artifact.bytes = codegen::EncodeCubin(plan, "no code");
  request.artifact.args = {{"float32", {kElements}}, {"float32", {kElements}}};
  request.workload_script = "b = 2 a";
  request.policy = GpuMeasurementPolicy();
  return request;
}

class CudaRunnerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    setenv("HONE_CUDA_DRIVER", "worker/runner/cuda/fake_driver.so", 1);
    setenv("HONE_NVML", "worker/runner/cuda/fake_driver.so", 1);
    setenv("HONE_FAKE_GPU", "1 256", 1);
  }
  static std::unique_ptr<CudaRunner> MakeRunner(int ordinal = 0) {
    CudaRunnerOptions options;
    options.ordinal = ordinal;
    options.references = std::make_shared<Doubled>();
    options.compiler_revision = "test";
    auto runner = CudaRunner::Create(options);
    HONE_CHECK(runner.ok()) << ToStd(runner.status().message());
    return *std::move(runner);
  }
  static void ExpectRight(CudaRunner& runner) {
    const RunResult result = runner.Run(RequestOf("double"));
    ASSERT_FALSE(result.failure.has_value()) << result.failure->message;
    EXPECT_EQ(result.verdict, Verdict::kRight);
    EXPECT_NEAR(result.median, 1e-4, 1e-9);
  }
};

TEST_F(CudaRunnerTest, ARightKernelIsCheckedAndTimed) {
  const auto runner = MakeRunner();
  ExpectRight(*runner);
  EXPECT_NE(runner->DeviceFingerprintJson().find("Fake GPU"), std::string::npos);
  EXPECT_EQ(runner->processes_started(), 1);
}

TEST_F(CudaRunnerTest, TheFingerprintHasTheDriversReleaseAndTheClassOfDevicesHasNot) {
  const nlohmann::json known = nlohmann::json::parse(MakeRunner()->DeviceFingerprintJson());
  EXPECT_EQ(known.value("cuda", ""), "13.0");
  EXPECT_EQ(known.value("driver", ""), "580.65.06");
  setenv("HONE_NVML", "/no/such/libnvidia-ml.so", 1);
  const nlohmann::json unknown = nlohmann::json::parse(MakeRunner()->DeviceFingerprintJson());
  EXPECT_FALSE(unknown.contains("driver")) << unknown.dump();
  nlohmann::json rest = known;
  rest.erase("driver");
  EXPECT_EQ(rest, unknown);
  EXPECT_EQ(DeviceClassOf(known.dump()), "gpu/Fake-GPU/2sm");
  EXPECT_EQ(DeviceClassOf(unknown.dump()), DeviceClassOf(known.dump()));
}

TEST_F(CudaRunnerTest, ADriverThatCannotBeUsedIsNamed) {
  setenv("HONE_CUDA_DRIVER", "/no/such/libcuda.so", 1);
  EXPECT_STATUS(CudaRunner::Create({}), absl::StatusCode::kUnavailable,
                "no NVIDIA driver: the library that HONE_CUDA_DRIVER names cannot be opened: /no/such/libcuda.so");
  EXPECT_STATUS(CountGpus(), absl::StatusCode::kUnavailable, "/no/such/libcuda.so");
  setenv("HONE_CUDA_DRIVER", "libm.so.6", 1);
  EXPECT_STATUS(CudaRunner::Create({}), absl::StatusCode::kUnavailable, "it has no cuInit");
}

TEST_F(CudaRunnerTest, AMachineWithoutADeviceSaysSo) {
  if (access("/dev/nvidiactl", F_OK) == 0) GTEST_SKIP() << "this machine has an NVIDIA device";
  unsetenv("HONE_CUDA_DRIVER");
  EXPECT_STATUS(CountGpus(), absl::StatusCode::kUnavailable, "there is no NVIDIA device (/dev/nvidiactl)");
  EXPECT_STATUS(CudaRunner::Create({}), absl::StatusCode::kUnavailable, "no NVIDIA driver: libcuda.so.1");
}

TEST_F(CudaRunnerTest, WarmReplaysOfAGraphAreTimed) {
  const auto runner = MakeRunner();
  RunRequest request = RequestOf("double");
  request.policy.flush_cache = false;
  const RunResult result = runner->Run(request);
  ASSERT_FALSE(result.failure.has_value()) << result.failure->message;
  EXPECT_NEAR(result.median, 1e-4, 1e-9);
}

struct Ending {
  const char* kernel;
  FailureKind kind;
  const char* message;
  int processes;  // Started by the time that a right kernel ran after it.
};
constexpr Ending kEndings[] = {
    {"illegal", FailureKind::kCrash, "ILLEGAL_ADDRESS", 2},
    {"misaligned", FailureKind::kCrash, "MISALIGNED_ADDRESS", 2},
    {"instruction", FailureKind::kCrash, "ILLEGAL_INSTRUCTION", 2},
    {"hang", FailureKind::kRunTimeout, "in time", 2},
    {"wrong", FailureKind::kWrongResult, "1024 elements are wrong", 1},
    {"outside", FailureKind::kCrash, "outside of its buffer", 1},
    {"refused", FailureKind::kRun, "INVALID_VALUE", 1},
    {"missing", FailureKind::kRun, "finding kernel missing", 1},
};

TEST_F(CudaRunnerTest, EveryFaultEndsAsItsKindAndTheNextKernelIsMeasured) {
  for (const Ending& ending : kEndings) {
    SCOPED_TRACE(ending.kernel);
    const auto runner = MakeRunner();
    RunRequest request = RequestOf(ending.kernel);
    request.policy.timeout = absl::Seconds(1);
    const RunResult result = runner->Run(request);
    ASSERT_TRUE(result.failure.has_value());
    EXPECT_EQ(result.failure->kind, ending.kind) << result.failure->message;
    EXPECT_NE(result.failure->message.find(ending.message), std::string::npos) << result.failure->message;
    ExpectRight(*runner);
    EXPECT_EQ(runner->processes_started(), static_cast<uint64_t>(ending.processes));
  }
}

TEST_F(CudaRunnerTest, MemoryThatTheDeviceDoesNotHaveIsAFailureOfTheRun) {
  const auto runner = MakeRunner();
  RunRequest request = RequestOf("double");
  codegen::DecodedCubin decoded = codegen::DecodeCubin(request.artifact.bytes).value();
  decoded.plan.temporary_bytes.push_back(uint64_t{1} << 40);
  request.artifact.bytes = codegen::EncodeCubin(decoded.plan, "no code");
  const RunResult result = runner->Run(request);
  ASSERT_TRUE(result.failure.has_value());
  EXPECT_EQ(result.failure->kind, FailureKind::kRun);
  EXPECT_NE(result.failure->message.find("OUT_OF_MEMORY"), std::string::npos) << result.failure->message;
  ExpectRight(*runner);
  EXPECT_EQ(runner->processes_started(), 1);
}

TEST_F(CudaRunnerTest, AKernelFarBehindTheBestIsCheckedAndTimedByItsFirstRunAlone) {
  const auto runner = MakeRunner();
  RunRequest request = RequestOf("slow");
  request.best_so_far = 1e-3;
  const RunResult result = runner->Run(request);
  ASSERT_FALSE(result.failure.has_value()) << result.failure->message;
  EXPECT_TRUE(result.abandoned);
  EXPECT_EQ(result.verdict, Verdict::kRight);
  EXPECT_EQ(result.samples.size(), 1u);
  EXPECT_NEAR(result.median, 0.1, 1e-6);
}

TEST_F(CudaRunnerTest, WithoutABestEveryKernelIsMeasuredInFull) {
  const auto runner = MakeRunner();
  const RunRequest request = RequestOf("slow");
  const RunResult result = runner->Run(request);
  ASSERT_FALSE(result.failure.has_value()) << result.failure->message;
  EXPECT_FALSE(result.abandoned);
  EXPECT_EQ(result.number, request.policy.number);
}

TEST_F(CudaRunnerTest, SamplesGoOnUntilSomebodyWaitsForTheDevice) {
  const auto runner = MakeRunner();
  RunRequest request = RequestOf("double");
  const size_t usual = runner->Run(request).samples.size();
  int asked = 0;
  request.policy.budget_contender = absl::Minutes(1);  // Not the limit, however busy the machine is.
  request.awaited = [&] { return ++asked > 4; };
  const RunResult spare = runner->Run(request);
  ASSERT_FALSE(spare.failure.has_value()) << spare.failure->message;
  EXPECT_EQ(spare.samples.size(), usual + 4);
  EXPECT_EQ(spare.verdict, Verdict::kRight);
  EXPECT_NEAR(spare.median, 1e-4, 1e-9);
  request.policy.use_spare_time = false;
  EXPECT_EQ(runner->Run(request).samples.size(), usual);
}

TEST_F(CudaRunnerTest, TheProcessIsReplacedAfterItsShareOfRuns) {
  CudaRunnerOptions options;
  options.references = std::make_shared<Doubled>();
  options.max_runs_per_process = 2;
  ASSERT_OK_AND_ASSIGN(const auto runner, CudaRunner::Create(options));
  for (int i = 0; i < 4; ++i) ExpectRight(*runner);
  EXPECT_EQ(runner->processes_started(), 3);
}

TEST_F(CudaRunnerTest, SeveralDevicesAreCountedAndEachHasARunner) {
  setenv("HONE_FAKE_GPU", "2 256", 1);
  ASSERT_OK_AND_ASSIGN(const int gpus, CountGpus());
  ASSERT_EQ(gpus, 2);
  std::vector<std::unique_ptr<Runner>> runners;
  runners.push_back(MakeRunner(0));
  runners.push_back(MakeRunner(1));
  RunnerGroup group(std::move(runners));
  EXPECT_EQ(group.slots(), 2);
  const RunResult result = group.Run(RequestOf("double"));
  EXPECT_FALSE(result.failure.has_value());
  CudaRunnerOptions third;
  third.ordinal = 2;
  EXPECT_STATUS(CudaRunner::Create(third), absl::StatusCode::kUnavailable, "no CUDA device 2");
}

}  // namespace
}  // namespace hone::runner
