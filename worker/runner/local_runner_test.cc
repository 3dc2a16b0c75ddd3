#include "worker/runner/local_runner.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "absl/time/clock.h"
#include "common/support/status_matchers.h"
#include "common/support/strings.h"
#include "worker/runner/built_reference.h"
#include "worker/runner/c_builder.h"
#include "worker/runner/executor.h"

namespace hone::runner {
namespace {

const std::vector<TensorInfo> kArgs = {{"float32", {256, 64}}, {"float32", {64, 32}}, {"float32", {256, 32}}};

constexpr char kMatmul[] = R"(
    int32_t kernel(void** b) {
      float *x = b[0], *y = b[1], *z = b[2];
      for (int i = 0; i < 256; ++i) for (int j = 0; j < 32; ++j) {
        float sum = 0;
        for (int k = 0; k < 64; ++k) sum += x[i * 64 + k] * y[k * 32 + j];
        z[i * 32 + j] = sum;
      }
      return 0;
    })";

// The same in another order of loops, which is much faster.
constexpr char kFastMatmul[] = R"(
    int32_t kernel(void** b) {
      float *x = b[0], *y = b[1], *z = b[2];
      for (int i = 0; i < 256; ++i) {
        float row[32] = {0};
        for (int k = 0; k < 64; ++k) for (int j = 0; j < 32; ++j) row[j] += x[i * 64 + k] * y[k * 32 + j];
        for (int j = 0; j < 32; ++j) z[i * 32 + j] = row[j];
      }
      return 0;
    })";

class LocalRunnerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    LocalRunnerOptions options;
    options.measure_cpus = {0};
    options.references = MakeCachingReferenceProvider(
        std::make_shared<BuiltReferenceProvider>(std::make_shared<CBuilder>(kArgs),
                                                 std::make_shared<SandboxExecutor>(std::vector<int>{0}), nullptr),
        "", 1 << 20);
    ASSERT_OK_AND_ASSIGN(runner_, LocalRunner::Create(options));
  }

  RunRequest Request(const std::string& source, std::string_view flags = "-O2") {
    RunRequest request;
    request.artifact = CArtifact(source, kArgs, flags);
    request.workload_script = kMatmul;
    return request;
  }

  std::unique_ptr<LocalRunner> runner_;
};

TEST_F(LocalRunnerTest, MeasuresAndChecksARightKernel) {
  const RunResult result = runner_->Run(Request(kFastMatmul, "-O3 -march=native"));
  ASSERT_FALSE(result.failure.has_value()) << result.failure->message;
  EXPECT_EQ(result.verdict, Verdict::kRight);
  EXPECT_GT(result.median, 1e-6);
  EXPECT_LT(result.median, 1e-2);
  EXPECT_GE(result.samples.size(), 1u);
  EXPECT_GT(result.number, 1);
  EXPECT_LT(result.errors.max_rel, result.errors.tolerance);
  EXPECT_NE(result.sandbox_layers.find("rlimits"), std::string::npos) << result.sandbox_layers;
  EXPECT_GT(result.disturbance.probe_ghz_before, 0.1);
}

TEST_F(LocalRunnerTest, AHopelessLoserIsGivenUp) {
  RunRequest request = Request(kMatmul, "-O0");
  request.best_so_far = 1e-7;
  const RunResult result = runner_->Run(request);
  ASSERT_FALSE(result.failure.has_value()) << result.failure->message;
  EXPECT_TRUE(result.abandoned);
}

TEST_F(LocalRunnerTest, FlushingTheCachesIsSlower) {
  RunRequest warm = Request(kFastMatmul), cold = warm;
  warm.policy.flush_cache = false;
  cold.policy.flush_cache = true;
  cold.policy.repeat = 10;
  const RunResult cold_result = runner_->Run(cold);
  ASSERT_FALSE(cold_result.failure.has_value()) << cold_result.failure->message;
  EXPECT_EQ(cold_result.number, 1);
}

TEST_F(LocalRunnerTest, WithoutReferencesNothingIsChecked) {
  LocalRunnerOptions options;
  options.measure_cpus = {0};
  ASSERT_OK_AND_ASSIGN(auto runner, LocalRunner::Create(options));
  const RunResult result = runner->Run(Request(kFastMatmul));
  ASSERT_FALSE(result.failure.has_value()) << result.failure->message;
  EXPECT_EQ(result.verdict, Verdict::kNotChecked);
}

TEST_F(LocalRunnerTest, RequestsThatCannotBeRunSayWhy) {
  RunRequest request = Request(kFastMatmul);
  request.artifact.format = "cubin";
  EXPECT_EQ(runner_->Run(request).failure->kind, FailureKind::kRun);
  request = Request(kFastMatmul);
  request.artifact.args.pop_back();
  const RunResult result = runner_->Run(request);
  ASSERT_TRUE(result.failure.has_value());
  EXPECT_NE(result.failure->message.find("parameters"), std::string::npos) << result.failure->message;
  request = Request(kFastMatmul);
  request.artifact.entry = "nowhere";
  EXPECT_EQ(runner_->Run(request).failure->kind, FailureKind::kRun);
}

// The children of this process: zygotes of the runner and of the reference executor.
std::vector<pid_t> Children() {
  std::ifstream file(StrCat("/proc/self/task/", getpid(), "/children"));
  std::vector<pid_t> pids;
  for (pid_t pid; file >> pid;) pids.push_back(pid);
  return pids;
}

TEST_F(LocalRunnerTest, KilledZygotesAreReplaced) {
  ASSERT_FALSE(runner_->Run(Request(kFastMatmul)).failure.has_value());
  const std::vector<pid_t> zygotes = Children();
  if (zygotes.empty()) GTEST_SKIP() << "this kernel does not list children";
  for (pid_t pid : zygotes) kill(pid, SIGKILL);
  const RunResult result = runner_->Run(Request(kFastMatmul));
  ASSERT_FALSE(result.failure.has_value()) << result.failure->message;
}

TEST_F(LocalRunnerTest, EverythingEndsWhenTheRunnerIsKilled) {
  int alive[2];
  ASSERT_EQ(pipe(alive), 0);
  const pid_t process = fork();
  if (process == 0) {
    close(alive[0]);
    LocalRunnerOptions options;
    options.measure_cpus = {0};
    auto runner = LocalRunner::Create(options);
    RunRequest endless = Request("int32_t kernel(void** b) { for (;;) { __asm__ volatile(\"\"); } }");
    endless.policy.timeout = absl::Minutes(10);
    (*runner)->Run(endless);
    _exit(0);
  }
  close(alive[1]);
  const auto children = [](pid_t parent) {
    std::ifstream file(StrCat("/proc/", parent, "/task/", parent, "/children"));
    std::vector<pid_t> pids;
    for (pid_t pid; file >> pid;) pids.push_back(pid);
    return pids;
  };
  // Until a zygote has a candidate: the kernel is loaded or runs. Where the kernel lists no children, the test holds,
  // too.
  std::vector<pid_t> zygotes;
  const auto has_candidate = [&](pid_t zygote) { return !children(zygote).empty(); };
  for (int i = 0; i < 5000 && std::none_of(zygotes.begin(), zygotes.end(), has_candidate); ++i) {
    absl::SleepFor(absl::Milliseconds(1));
    zygotes = children(process);
  }
  kill(process, SIGKILL);
  waitpid(process, nullptr, 0);
  for (pid_t pid : zygotes) {
    for (int i = 0; i < 5000 && kill(pid, 0) == 0; ++i) absl::SleepFor(absl::Milliseconds(1));
    EXPECT_NE(kill(pid, 0), 0) << "zygote " << pid << " outlives its runner";
  }
}

TEST_F(LocalRunnerTest, FingerprintNamesTheMachine) {
  EXPECT_NE(runner_->DeviceFingerprintJson().find("\"cpu\""), std::string::npos);
}

}  // namespace
}  // namespace hone::runner
