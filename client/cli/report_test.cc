#include <gtest/gtest.h>

#include "client/cli/report_json.h"
#include "client/cli/report_text.h"

namespace hone::cli {
namespace {

v1::JobReport FinishedJob() {
  v1::JobReport job;
  job.set_id("j1");
  job.set_name("matmul");
  job.set_state(v1::JOB_STATE_DONE);
  job.set_trials(64);
  job.set_max_trials(64);
  v1::TaskReport* task = job.add_tasks();
  task->set_name("matmul");
  task->set_workload_id(std::string(32, '\xab'));
  task->set_trials(64);
  task->set_failed(2);
  task->set_metric(v1::METRIC_SECONDS);
  task->set_best(0.001);
  task->set_baseline(0.1);
  task->set_flops(2e9);
  task->set_best_record_id(std::string(32, '\x12'));
  v1::FailureCount* failure = job.add_failures();
  failure->set_kind(v1::FAILURE_KIND_WRONG_RESULT);
  failure->set_count(2);
  failure->set_example("output 2 differs\nmore");
  job.mutable_time()->set_search_secs(1.5);
  return job;
}

TEST(ReportTest, JsonNamesStatesAndDerivesSpeedUpAndRate) {
  const std::string json = JobJson(FinishedJob());
  for (const char* part : {R"("id":"j1")", R"("state":"done")", R"("speedup":100.0)", R"("gflops":2000.0)",
                           R"("kind":"wrong-result","count":2)", R"("search_secs":1.5)", R"("reason":null)"}) {
    EXPECT_NE(json.find(part), std::string::npos) << part << " in " << json;
  }
  EXPECT_EQ(json.find('\n'), std::string::npos);
}

TEST(ReportTest, InstructionsAreNoRate) {
  v1::JobReport job = FinishedJob();
  job.mutable_tasks(0)->set_metric(v1::METRIC_INSTRUCTIONS);
  job.mutable_tasks(0)->set_best(5e6);
  EXPECT_NE(JobJson(job).find(R"("gflops":null)"), std::string::npos);
  EXPECT_EQ(JobSummary(job).find("2000"), std::string::npos);
}

TEST(ReportTest, SummaryShowsTasksFailuresAndTime) {
  const std::string text = JobSummary(FinishedJob());
  for (const char* part :
       {"job j1 (matmul): done, 64 of 64 trials", "1.00 ms", "100 ms", "100x", "2000", "121212121212",
        "2 wrong-result, such as: output 2 differs\n", "searching                     1.50 s"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
  }
}

TEST(ReportTest, SummaryShowsTheMostFrequentMessagesOfAKind) {
  v1::JobReport job = FinishedJob();
  for (int i = 0; i < 2; ++i) {
    v1::FailureMessage* top = job.mutable_failures(0)->add_top();
    top->set_text(i == 0 ? "output 2 differs" : "output 3 differs");
    top->set_count(2 - i);
  }
  EXPECT_NE(JobSummary(job).find("2 wrong-result, most often:\n    2 x output 2 differs\n    1 x output 3 differs\n"),
            std::string::npos)
      << JobSummary(job);
  EXPECT_NE(JobJson(job).find(R"("top":[{"message":"output 2 differs","count":2})"), std::string::npos) << JobJson(job);
}

TEST(ReportTest, CoverageIsTheShareOfTheWeightedWorkWithABest) {
  v1::JobReport job = FinishedJob();
  job.mutable_tasks(0)->set_weight(3);
  v1::TaskReport* open = job.add_tasks();
  open->set_name("other");
  open->set_weight(1);
  open->set_flops(2e9);
  EXPECT_DOUBLE_EQ(CoverageOf(job).weight_share, 0.75);
  EXPECT_NE(JobSummary(job).find("coverage: 1 of 2 tasks have a best program, 75"), std::string::npos)
      << JobSummary(job);
}

TEST(ReportTest, TimeTableHasEveryScope) {
  v1::JobReport job = FinishedJob();
  v1::TimeSplit& time = *job.mutable_time();
  time.set_model_secs(0.25);
  time.set_build_secs(6);
  time.set_run_secs(3);
  time.set_run_idle_secs(0.5);
  time.set_wall_secs(5);
  const std::string text = JobSummary(job);
  for (const char* part :
       {"where time went", "of the wall", "training the cost model       250 ms       5.00 %",
        "building                      6.00 s        120 %", "devices idle with work owed   500 ms       10.0 %",
        "wall                          5.00 s        100 %"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
  }
}

TEST(ReportTest, SummaryShowsHowWellTheModelRanked) {
  v1::JobReport job = FinishedJob();
  job.mutable_tasks(0)->set_ranking("model on round 1: rank correlation 0.5");
  EXPECT_NE(JobSummary(job).find("  matmul: model on round 1: rank correlation 0.5\n"), std::string::npos);
  EXPECT_NE(JobJson(job).find(R"("ranking":"model on round 1: rank correlation 0.5")"), std::string::npos);
}

TEST(ReportTest, MatchesTellWhatDecidedTheFit) {
  v1::QueryResponse matches;
  v1::Match* match = matches.add_matches();
  match->set_fit(v1::FIT_SUGGESTED);
  match->set_deciding_field("mcpu");
  EXPECT_NE(MatchesTable(matches).find("suggested (mcpu)"), std::string::npos) << MatchesTable(matches);
  match->clear_deciding_field();
  match->set_fit(v1::FIT_EXACT);
  EXPECT_NE(MatchesTable(matches).find("exact  "), std::string::npos) << MatchesTable(matches);
}

TEST(ReportTest, EmptyListsSaySo) {
  EXPECT_EQ(JobsTable({}), "no jobs\n");
  EXPECT_EQ(MatchesTable({}), "no records\n");
  EXPECT_EQ(JobsJson({}), R"({"jobs":[]})");
}

TEST(ReportTest, ProgressOnAFileIsPlainLines) {
  std::FILE* out = std::tmpfile();
  JobProgress progress(out);
  v1::JobReport job = FinishedJob();
  progress.Update(job);
  progress.Update(job);                                  // Nothing changed: nothing more is shown.
  progress.Line("matmul: sampled 3\nmatmul: took 2\n");  // A log ends with its own line break.
  progress.Line("no break");
  progress.Finish();
  std::fflush(out);
  std::rewind(out);
  char text[256];
  EXPECT_EQ(std::string(text, std::fread(text, 1, sizeof text, out)),
            "done, 64/64 trials, 2 failed, best: matmul 1.00 ms\nmatmul: sampled 3\nmatmul: took 2\nno break\n");
  std::fclose(out);
}

}  // namespace
}  // namespace hone::cli
