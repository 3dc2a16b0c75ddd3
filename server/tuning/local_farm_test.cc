#include "server/tuning/local_farm.h"

#include <gtest/gtest.h>

#include <thread>

#include "common/support/status_matchers.h"
#include "server/database/memory_database.h"
#include "server/tuning/search_process.h"
#include "server/tuning/testing/fakes.h"

namespace hone {
namespace {

using testing::FakeBuilder;
using testing::FakeRunner;
using testing::OpenFakeSession;

JobDefinition JobOf(std::vector<std::string> scripts, int64_t trials = 64) {
  JobDefinition job;
  job.name = "test";
  for (const std::string& script : scripts) {
    TaskDefinition task;
    task.name = script;
    task.workload = WorkloadFromScript(script);
    task.target_json = R"({"kind":"llvm"})";
    job.tasks.push_back(task);
  }
  job.max_trials = job.max_trials_per_task = trials;
  job.trials_per_round = 8;
  return job;
}

struct Farm {
  MemoryDatabase database;
  DirectSearchRunner search{OpenFakeSession};
  FakeBuilder builder;
  FakeRunner runner;
  int trials_seen = 0;
  LocalFarm farm{
      database, search, builder,
      runner,   {},     [this](const TuningEvent& event) {
                   trials_seen += event.kind == TuningEvent::Kind::kTrial; }};
};

TEST(LocalFarmTest, TunesToTheEndAndKeepsEveryRecord) {
  Farm f;
  ASSERT_OK_AND_ASSIGN(JobReport report, f.farm.Run(JobOf({"a", "b"})));
  EXPECT_EQ(report.state, JobState::kDone);
  EXPECT_EQ(report.trials, 64);
  EXPECT_EQ(f.trials_seen, 66);  // Two baselines.
  EXPECT_EQ(*f.database.Size(), 66);
  for (const TaskReport& task : report.tasks) {
    ASSERT_OK_AND_ASSIGN(auto top, f.database.GetTopK(WorkloadFromScript(task.name), 1));
    ASSERT_EQ(top.size(), 1);
    EXPECT_EQ(top[0].run.median, task.best);
    EXPECT_EQ(top[0].trust, Trust::kVerified);
    EXPECT_EQ(top[0].run.median, testing::FakeMedian(top[0].trace_json));
    EXPECT_GT(task.baseline, 0);
  }
}

TEST(LocalFarmTest, SearchInAChildGivesTheSameRecords) {
  SearchProcess process(OpenFakeSession);
  Farm direct;
  MemoryDatabase database;
  LocalFarm farm(database, process, direct.builder, direct.runner, {}, nullptr);
  ASSERT_OK_AND_ASSIGN(JobReport a, farm.Run(JobOf({"a", "b"})));
  ASSERT_OK_AND_ASSIGN(JobReport b, direct.farm.Run(JobOf({"a", "b"})));
  EXPECT_EQ(a.tasks[0].best, b.tasks[0].best);
  EXPECT_EQ(a.tasks[1].best, b.tasks[1].best);
}

TEST(LocalFarmTest, AWorkloadThatCannotBeTunedFailsTheJobWithTheReason) {
  Farm f;
  ASSERT_OK_AND_ASSIGN(JobReport report, f.farm.Run(JobOf({"bad"})));
  EXPECT_EQ(report.state, JobState::kFailed);
  EXPECT_NE(report.reason.find("line 1, column 1"), std::string::npos) << report.reason;
}

TEST(LocalFarmTest, OneBadTaskDoesNotStopTheOthers) {
  Farm f;
  ASSERT_OK_AND_ASSIGN(JobReport report, f.farm.Run(JobOf({"bad", "good"})));
  EXPECT_EQ(report.state, JobState::kDone);
  EXPECT_EQ(report.tasks[1].trials, 64);
  EXPECT_NE(report.tasks[0].error, "");
}

TEST(LocalFarmTest, ACrashingSearchEndsAfterThreeAttempts) {
  SearchProcess process(OpenFakeSession);
  Farm f;
  LocalFarm farm(f.database, process, f.builder, f.runner, {}, nullptr);
  ASSERT_OK_AND_ASSIGN(JobReport report, farm.Run(JobOf({"crash"})));
  EXPECT_EQ(report.state, JobState::kFailed);
  EXPECT_NE(report.reason.find("signal 6"), std::string::npos) << report.reason;
  ASSERT_OK_AND_ASSIGN(report, farm.Run(JobOf({"fine"})));
  EXPECT_EQ(report.state, JobState::kDone);
}

TEST(LocalFarmTest, InterruptKeepsWhatWasMeasured) {
  Farm f;
  f.runner.takes = absl::Milliseconds(2);
  std::thread interrupter([&] {
    while (f.runner.runs < 20) std::this_thread::yield();
    f.farm.Interrupt();
  });
  ASSERT_OK_AND_ASSIGN(JobReport report, f.farm.Run(JobOf({"a"}, 100'000)));
  interrupter.join();
  EXPECT_EQ(report.state, JobState::kCancelled);
  EXPECT_GE(report.trials, 15);
  EXPECT_EQ(*f.database.Size(), report.trials + 1);
}

TEST(LocalFarmTest, ABadJobNamesTheField) {
  Farm f;
  JobDefinition job = JobOf({"a"});
  job.trials_per_round = 0;
  EXPECT_STATUS(f.farm.Run(job), absl::StatusCode::kInvalidArgument, "trials_per_round is 0");
}

}  // namespace
}  // namespace hone
