// tune_tir over this machine's builder and runner: kernels are compiled, checked and timed.
#include <filesystem>
#include <numeric>

#include "client/cpp/tune.h"
#include "common/target/host.h"
#include "tests/api/workload.h"

namespace hone::meta_schedule {
namespace {

TEST(LocalTuneTest, TuneTirRecordsVerifiedKernels) {
  const std::string folder = std::string(std::getenv("TEST_TMPDIR")) + "/work";
  std::filesystem::create_directories(folder);
  TuneTirOptions options;
  options.num_trials_per_iter = 6;
  options.strategy = "replay-trace";
  options.num_tuning_cores = 2;
  options.seed = 1;
  auto database = TuneTir(Matmul(64), DetectHost(), folder, 12, options);
  ASSERT_OK(database);
  auto workload = (*database)->CommitWorkload(Matmul(64));
  ASSERT_OK(workload);
  auto top = (*database)->GetTopK(*workload, 100);
  ASSERT_OK(top);
  ASSERT_GE(top->size(), 6u);
  double last = 0;
  for (const TuningRecord& record : *top) {
    ASSERT_TRUE(record.stored.has_value());
    EXPECT_EQ(record.stored->trust, Trust::kVerified);
    EXPECT_EQ(record.stored->run.verdict, Verdict::kRight);
    const double mean = std::accumulate(record.run_secs->begin(), record.run_secs->end(), 0.0) /
                        static_cast<double>(record.run_secs->size());
    EXPECT_GE(mean, last);
    last = mean;
  }
  EXPECT_TRUE(CompileTir(**database, Matmul(64), DetectHost())->has_value());
}

}  // namespace
}  // namespace hone::meta_schedule
