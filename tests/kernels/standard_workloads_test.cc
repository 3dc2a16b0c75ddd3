// Kernels of the standard workloads under random schedules of their design spaces, through the real builder and the
// sandboxed runner: each computes what the unscheduled program computes, and nothing but a sandbox ever dies.
// Short form: one small configuration of each workload and one schedule. Long form (HONE_LONG_TESTS=1): all
// configurations and 20 schedules each. HONE_WORKLOADS=C2D,GMM:0 chooses, HONE_SCHEDULES and HONE_SEED as well.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "bench/candidates.h"
#include "common/measure/failure.h"
#include "common/script/printer.h"
#include "common/support/log.h"
#include "common/support/status_matchers.h"
#include "common/support/strings.h"
#include "common/target/host.h"
#include "common/workload/standard.h"
#include "worker/local/local_measure.h"

namespace hone {
namespace {

bool IsLong() {
  const char* text = std::getenv("HONE_LONG_TESTS");
  return text != nullptr && std::string_view(text) == "1";
}

int64_t FromEnvironment(const char* name, int64_t fallback) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::atoll(text) : fallback;
}

std::vector<std::string> Labels() {
  std::vector<std::string> all;
  for (const workload::StandardName& name : workload::StandardNames()) {
    for (int i = 0; i < name.configurations; ++i) all.push_back(StrCat(name.name, ":", i));
  }
  if (const char* text = std::getenv("HONE_WORKLOADS")) {
    const std::string wanted = StrCat(",", text, ",");
    std::vector<std::string> out;
    for (const std::string& label : all) {
      const std::string name = label.substr(0, label.find(':'));
      if (wanted.find(StrCat(",", label, ",")) != std::string::npos ||
          wanted.find(StrCat(",", name, ",")) != std::string::npos) {
        out.push_back(label);
      }
    }
    return out;
  }
  if (IsLong()) return all;
  return {"C1D:1", "C2D:1", "GMM:0", "GRP:1", "DIL:1", "DEP:2", "T2D:3", "CAP:0", "NRM:0", "SFM:0", "TBG:3"};
}

class StandardWorkloadsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    SetLogLevel(LogLevel::kWarning);
    LocalMeasureOptions options;
    options.build_workers = 1;
    auto created = LocalMeasure::Create(options);
    ASSERT_OK(created);
    measure_ = created->release();
  }
  static void TearDownTestSuite() { delete measure_; }

  static LocalMeasure* measure_;
};

LocalMeasure* StandardWorkloadsTest::measure_ = nullptr;

// Runs once beside the check, and waits for the slowest.
MeasurementPolicy ShortPolicy() {
  MeasurementPolicy policy;
  policy.warm_up = 0;
  policy.number = 1;
  policy.repeat = policy.max_repeat = 1;
  policy.timeout = absl::Minutes(5);
  return policy;
}

// Builds and runs one candidate. It is told of an unbeatable best, so that it is no contender: those have to be right
// on a further input set, and the unscheduled program takes minutes for one of the largest configurations.
RunResult CheckOnce(LocalMeasure& measure, const std::string& script, const BuildRequest& request) {
  BuildResult built = std::move(measure.builder().Build({&request, 1})[0]);
  RunResult result;
  result.failure = std::move(built.failure);
  if (result.failure.has_value()) return result;
  RunRequest run;
  run.artifact = *std::move(built.artifact);
  run.workload_script = script;
  run.target_json = request.target_json;
  run.policy = ShortPolicy();
  run.best_so_far = 1e-12;
  return measure.runner().Run(run);
}

TEST_F(StandardWorkloadsTest, RandomSchedulesComputeWhatTheUnscheduledProgramDoes) {
  const Target target = DetectHost();
  const int64_t schedules = FromEnvironment("HONE_SCHEDULES", IsLong() ? 20 : 1);
  const uint64_t seed = static_cast<uint64_t>(FromEnvironment("HONE_SEED", 1));
  int64_t right = 0, wrong = 0;
  for (const std::string& label : Labels()) {
    const absl::Time start = absl::Now();
    ASSERT_OK_AND_ASSIGN(const ir::IRModule module, workload::StandardByLabel(label));
    const std::string script = script::PrintModule(module);
    ASSERT_OK_AND_ASSIGN(const std::vector<BuildRequest> requests,
                         bench::RandomCandidates(script, target, static_cast<int>(schedules), seed));
    EXPECT_FALSE(requests.empty()) << label;
    int64_t bad = 0;
    for (size_t i = 0; i < requests.size(); ++i) {
      const RunResult result = CheckOnce(*measure_, script, requests[i]);
      const bool ok = !result.failure.has_value() && result.verdict == Verdict::kRight;
      (ok ? right : wrong) += 1;
      bad += ok ? 0 : 1;
      EXPECT_TRUE(ok) << label << " seed " << seed << " candidate " << i << ": "
                      << (result.failure.has_value()
                              ? StrCat(FailureKindName(result.failure->kind), ": ", result.failure->message)
                              : std::string("not checked"))
                      << "\n"
                      << requests[i].trace_json;
    }
    std::printf("%-16s %zu schedules, %ld wrong, %.1f s\n", label.c_str(), requests.size(), static_cast<long>(bad),
                absl::ToDoubleSeconds(absl::Now() - start));
    std::fflush(stdout);
  }
  std::printf("%ld right, %ld wrong\n", static_cast<long>(right), static_cast<long>(wrong));
}

}  // namespace
}  // namespace hone
