#include "server/tuning/warm_start.h"

#include <gtest/gtest.h>

#include "common/record/trace_semantics.h"
#include "common/support/status_matchers.h"
#include "common/support/strings.h"
#include "server/database/memory_database.h"

namespace hone {
namespace {

class WarmStartTest : public ::testing::Test {
 protected:
  WarmStartTest() {
    near_.keys[2] = own_.keys[2];
    for (const Workload& w : {own_, near_, far_}) EXPECT_OK(records_.CommitWorkload(w));
    job_.tasks.resize(1);
    job_.tasks[0].workload = own_;
    job_.tasks[0].target_json = "t";
  }
  void Commit(const Workload& workload, double median, std::string pool = "p", std::string target = "t",
              Trust trust = Trust::kVerified, std::string device = "", uint32_t semantics = 0) {
    TuningRecord record;
    record.workload_id = workload.id;
    record.trace_json = StrCat(R"([[["GetBlock",[],["C","main"],["b0"]]],[[0,[)", ++number_, "]]]]");
    record.target_json = std::move(target);
    record.run.median = median;
    record.run.samples = {median};
    record.run.verdict = Verdict::kRight;
    record.trust = trust;
    record.device.device_class = std::move(device);
    record.revisions.trace_semantics = semantics;
    record.pool = std::move(pool);
    EXPECT_OK(records_.CommitRecords({record}));
  }
  // Decision and time of each.
  std::string Found(const std::vector<std::string>& pools = {}) {
    EXPECT_OK(AddWarmStarts(records_, pools, {{"t", devices_}}, job_));
    std::string text;
    for (const WarmStart& warm : job_.tasks[0].warm_starts) {
      const size_t at = warm.trace_json.rfind('[') + 1;
      StrAppend(&text, warm.trace_json.substr(at, warm.trace_json.find(']', at) - at), ":", warm.median_secs, " ");
    }
    return text;
  }

  MemoryDatabase records_;
  const Workload own_ = WorkloadFromScript("own"), far_ = WorkloadFromScript("far");
  Workload near_ = WorkloadFromScript("near");
  JobDefinition job_;
  std::set<std::string> devices_;
  int number_ = 0;
};

TEST_F(WarmStartTest, TheFastestComeFirstAndNearWorkloadsWithoutTheirTime) {
  Commit(own_, 3);
  Commit(near_, 0.5);
  Commit(own_, 2);
  Commit(far_, 1);
  EXPECT_EQ(Found(), "3:2 1:3 2:0 ");
}

TEST_F(WarmStartTest, OnlyVerifiedRecordsOfTheSameTargetAndOfReadablePoolsCount) {
  Commit(own_, 1, "p", "another");
  Commit(own_, 2, "p", "t", Trust::kImported);
  Commit(own_, 3, "theirs");
  Commit(own_, 4);
  EXPECT_EQ(Found({"p", "shared"}), "4:4 ");
}

TEST_F(WarmStartTest, RecordsOfTheDeviceComeFirstAndThoseOfOthersWithoutTheirTime) {
  Commit(own_, 3, "p", "t", Trust::kVerified, "mine");
  Commit(own_, 1, "p", "t", Trust::kVerified, "other");
  Commit(own_, 4, "p", "t", Trust::kVerified, "mine too");
  Commit(near_, 0.5, "p", "t", Trust::kVerified, "other");
  Commit(near_, 5, "p", "t", Trust::kVerified, "mine");
  EXPECT_EQ(Found(), "2:1 1:3 3:4 4:0 5:0 ");  // Nobody knows the device.
  devices_ = {"mine", "mine too"};
  EXPECT_EQ(Found(), "1:3 3:4 2:0 5:0 4:0 ");
  devices_ = {"new"};
  EXPECT_EQ(Found(), "2:0 1:0 3:0 4:0 5:0 ");
}

TEST_F(WarmStartTest, TheFastestOfOthersDoNotPushTheDevicesOwnOut) {
  for (int i = 0; i < 40; ++i) Commit(own_, 1 + i, "p", "t", Trust::kVerified, "other");
  for (int i = 0; i < 3; ++i) Commit(own_, 100 + i, "p", "t", Trust::kVerified, "mine");
  devices_ = {"mine"};
  (void)Found();
  ASSERT_EQ(job_.tasks[0].warm_starts.size(), kMaxWarmStarts);
  EXPECT_EQ(job_.tasks[0].warm_starts[0].median_secs, 100);
  EXPECT_EQ(job_.tasks[0].warm_starts[2].median_secs, 102);
  EXPECT_EQ(job_.tasks[0].warm_starts[3].median_secs, 0);
}

TEST_F(WarmStartTest, TracesOfOtherSemanticsAreNoStart) {
  Commit(own_, 1, "p", "t", Trust::kVerified, "", kTraceSemantics + 1);
  Commit(own_, 2, "p", "t", Trust::kVerified, "", kTraceSemantics);
  EXPECT_EQ(Found(), "2:2 ");
}

TEST_F(WarmStartTest, TheyAreBounded) {
  for (int i = 0; i < 40; ++i) {
    Commit(own_, 10 + i);
    Commit(near_, 1 + i);
  }
  (void)Found();
  EXPECT_EQ(job_.tasks[0].warm_starts.size(), kMaxWarmStarts + kMaxNearWarmStarts);
}

TEST_F(WarmStartTest, AJobMayDoWithout) {
  Commit(own_, 1);
  job_.warm_start = false;
  EXPECT_EQ(Found(), "");
  job_.warm_start = true;
  job_.strategy = "replay-trace";
  EXPECT_EQ(Found(), "");
}

}  // namespace
}  // namespace hone
