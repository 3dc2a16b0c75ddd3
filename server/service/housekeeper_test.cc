#include "server/service/housekeeper.h"

#include <gtest/gtest.h>

#include <memory>

#include "common/support/status_matchers.h"
#include "server/database/memory_database.h"
#include "server/store/memory_store.h"

namespace hone {
namespace {

TEST(TrimFailuresTest, KeepsTheFailuresOfJobsThatHaveNotEnded) {
  auto owned = std::make_unique<MemoryDatabase>();
  MemoryDatabase& database = *owned;
  MemoryStore store("memory", std::move(owned));
  const Workload workload = WorkloadFromScript("w");
  JobDefinition job;
  job.id = "live";
  job.tasks.emplace_back().workload = workload;
  ASSERT_OK(store.InsertJob(job));
  std::vector<TuningRecord> records;
  for (const char* name : {"live", "ended"}) {
    for (uint32_t i = 0; i < 10; ++i) {
      TuningRecord& record = records.emplace_back();
      record.workload_id = workload.id;
      record.trust = Trust::kFailed;
      record.run.failure = Failure{FailureKind::kCrash, "SIGSEGV"};
      record.slot = {name, 0, 0, i};
      record.id = RecordId(record);
      record.created = absl::FromUnixSeconds(1'000);
    }
  }
  ASSERT_OK(database.CommitRecords(records));
  FailureRetention retention;
  retention.limit = 3;  // Goes on until there is no more.
  EXPECT_EQ(*TrimFailures(store, retention, absl::FromUnixSeconds(1'000'000'000)), 10);
  EXPECT_EQ(*database.Size(), 10);
  EXPECT_EQ(*TrimFailures(store, retention, absl::FromUnixSeconds(1'000'000'000)), 0);
}

}  // namespace
}  // namespace hone
