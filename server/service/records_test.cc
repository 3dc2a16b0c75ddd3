// What RecordService gives to whom, without gRPC.
#include "server/service/records.h"

#include <gtest/gtest.h>

#include "common/support/status_matchers.h"
#include "common/wire/records_wire.h"
#include "server/database/memory_database.h"

namespace hone {
namespace {

Identity Of(std::string tenant, std::set<Role> roles = {Role::kUser}) {
  Identity who;
  who.name = who.tenant = std::move(tenant);
  who.roles = std::move(roles);
  return who;
}

TuningRecord RecordOf(const Workload& workload, double median, uint32_t slot, std::string pool) {
  TuningRecord record;
  record.workload_id = workload.id;
  record.trace_json = R"([[["GetBlock",[],["C","main"],["b0"]]],[]])";
  record.target_json = R"({"kind":"llvm","mcpu":"a"})";
  record.run.median = median;
  record.run.samples = {median};
  record.trust = Trust::kVerified;
  record.device.device_class = "cpu/V/1/1/4c";
  record.slot = {"job", 0, 0, slot};
  record.pool = std::move(pool);
  record.id = RecordId(record);
  return record;
}

class RecordsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const Workload& w : {mine_, theirs_}) ASSERT_OK(database_.CommitWorkload(w));
    ASSERT_OK(database_.CommitRecords({RecordOf(mine_, 1, 1, "a"), RecordOf(mine_, 0.5, 2, "b"),
                                       RecordOf(theirs_, 1, 3, "b"), RecordOf(mine_, 3, 4, "shared")}));
  }
  v1::QueryResponse Query(const Identity& who, v1::QueryRequest request = {}) {
    request.set_workload_id(mine_.id.Raw());
    request.set_top_k(10);
    absl::StatusOr<v1::QueryResponse> response = records_.Query(who, request);
    EXPECT_OK(response.status());
    return *response;
  }
  absl::Status GetWorkload(const Identity& who, const Workload& workload, bool by_key) {
    v1::GetWorkloadRequest request;
    by_key ? request.set_key(workload.keys[0].Raw()) : request.set_id(workload.id.Raw());
    return records_.GetWorkload(who, request).status();
  }

  const Workload mine_ = WorkloadFromScript("mine"), theirs_ = WorkloadFromScript("theirs");
  MemoryDatabase database_;
  Records records_{database_};
};

TEST_F(RecordsTest, ATenantReadsItsPoolThoseGrantedAndShared) {
  EXPECT_EQ(Query(Of("a")).matches_size(), 2);
  Identity granted = Of("a");
  granted.reads = {"b"};
  EXPECT_EQ(Query(granted).matches_size(), 3);
  EXPECT_EQ(Query(Of("c")).matches_size(), 1);
  v1::QueryRequest of_b;
  of_b.add_pools("b");
  of_b.set_workload_id(mine_.id.Raw());
  EXPECT_STATUS(records_.Query(Of("a"), of_b), absl::StatusCode::kPermissionDenied, "pool \"b\"");
}

TEST_F(RecordsTest, WorkloadsThatOnlyOthersHaveAreNotThere) {
  for (bool by_key : {false, true}) {
    EXPECT_OK(GetWorkload(Of("a"), mine_, by_key));
    EXPECT_STATUS(GetWorkload(Of("a"), theirs_, by_key), absl::StatusCode::kNotFound, "no such workload");
    EXPECT_OK(GetWorkload(Of("b"), theirs_, by_key));
    EXPECT_STATUS(GetWorkload(Of("a"), WorkloadFromScript("x"), by_key), absl::StatusCode::kNotFound,
                  "no such workload");
  }
  v1::CommitRequest commit;  // What one brings along one sees.
  *commit.add_workloads() = ToProto(theirs_);
  ASSERT_OK(records_.Commit(Of("a"), commit));
  EXPECT_OK(GetWorkload(Of("a"), theirs_, false));
}

TEST_F(RecordsTest, StatsAndListsAreOfThePoolsThatOneReads) {
  EXPECT_EQ(records_.Stats(Of("a"))->records(), 2);
  EXPECT_EQ(records_.Stats(Of("a"))->workloads(), 1);
  EXPECT_EQ(records_.Stats(Of("b"))->workloads(), 2);
  EXPECT_EQ(records_.Stats(Of("", {Role::kOperator}))->records(), 4);
  EXPECT_EQ(records_.ListRecords(Of("a"), {})->records_size(), 2);
  int exported = 0;
  ASSERT_OK(records_.Export(Of("a"), {}, [&](v1::ExportChunk chunk) {
    exported += chunk.records_size();
    return true;
  }));
  EXPECT_EQ(exported, 2);
}

TEST_F(RecordsTest, TheBestFitComesFirstAndRefusedOnesOnlyWhenAskedFor) {
  auto made_for = [&](uint32_t slot, double median, std::string target, std::string device) {
    TuningRecord record = RecordOf(mine_, median, slot, "a");
    record.target_json = std::move(target);
    record.device.device_class = std::move(device);
    return record;
  };
  ASSERT_OK(database_.CommitRecords({made_for(10, 0.1, R"({"kind":"cuda"})", "gpu/X/1sm"),
                                     made_for(11, 0.2, R"({"kind":"llvm","mcpu":"b"})", "cpu/V/1/1/4c"),
                                     made_for(12, 0.3, R"({"kind":"llvm","mcpu":"a"})", "cpu/V/1/1/8c")}));
  v1::QueryRequest request;
  request.set_target_json(R"({"kind":"llvm","mcpu":"a"})");
  request.set_device_class("cpu/V/1/1/4c");
  auto fits = [&](const v1::QueryResponse& response) {
    std::vector<std::string> found;
    for (const v1::Match& match : response.matches()) {
      found.push_back(v1::Fit_Name(match.fit()).substr(4) + " " + match.deciding_field());
    }
    return found;
  };
  EXPECT_EQ(fits(Query(Of("a"), request)),
            (std::vector<std::string>{"EXACT ", "EXACT ", "COMPATIBLE device_class", "SUGGESTED mcpu"}));
  request.set_include_refused(true);
  EXPECT_EQ(fits(Query(Of("a"), request)).back(), "REFUSED kind");
  EXPECT_EQ(Query(Of("a"), request).matches(0).record().measurement().median(), 1);
}

TEST_F(RecordsTest, AnImportPassesOverWhatCannotBeStored) {
  const Identity who = Of("a", {Role::kCurator});
  v1::ImportChunk chunk;
  *chunk.add_records() = ToProto(RecordOf(mine_, 7, 70, "a"));
  *chunk.add_records() = ToProto(RecordOf(WorkloadFromScript("nobody's"), 7, 71, "a"));
  *chunk.add_records() = ToProto(RecordOf(mine_, 8, 72, "a"));
  chunk.add_records()->set_workload_id("short");
  v1::ImportResponse total;
  ASSERT_OK(records_.ImportChunk(who, "", chunk, total));
  EXPECT_EQ(total.records(), 4u);
  EXPECT_EQ(total.duplicates(), 0u);
  ASSERT_EQ(total.bad_size(), 2);
  EXPECT_NE((total.bad(0) + total.bad(1)).find("was not committed"), std::string::npos) << total.DebugString();
  // The same again: what was stored is there already.
  ASSERT_OK(records_.ImportChunk(who, "", chunk, total));
  EXPECT_EQ(total.duplicates(), 2u);
  EXPECT_EQ(total.bad_size(), 4);
}

TEST_F(RecordsTest, PromotionCopiesVerifiedRecordsToPoolsThatOneReads) {
  const Identity curator = Of("a", {Role::kCurator});
  v1::PromoteRequest request;
  request.set_record_id(RecordOf(mine_, 1, 1, "a").id.Raw());
  ASSERT_OK_AND_ASSIGN(v1::PromoteResponse response, records_.Promote(curator, request));
  EXPECT_EQ(Query(Of("c")).matches_size(), 2);
  EXPECT_EQ(*database_.Size(), 5);
  EXPECT_OK(records_.Promote(curator, request));  // Again changes nothing.
  EXPECT_EQ(*database_.Size(), 5);
  request.set_to_pool("b");
  EXPECT_STATUS(records_.Promote(curator, request), absl::StatusCode::kPermissionDenied, "pool \"b\"");
  request.clear_to_pool();
  request.set_record_id(RecordOf(theirs_, 1, 3, "b").id.Raw());
  EXPECT_STATUS(records_.Promote(curator, request), absl::StatusCode::kNotFound, "no record");
}

TEST_F(RecordsTest, TracesOfOtherSemanticsAndTooLongOnesAreRefusedByName) {
  Records strict(database_, /*max_trace_instructions=*/1);
  TuningRecord other = RecordOf(mine_, 2, 7, "a"), longer = RecordOf(mine_, 2, 8, "a");
  other.revisions.trace_semantics = 99;
  longer.trace_json = R"([[["A",[],[],["b0"]],["B",[],[],["b1"]]],[]])";
  v1::ImportChunk chunk;
  for (const TuningRecord& record : {other, longer, RecordOf(mine_, 2, 9, "a")}) *chunk.add_records() = ToProto(record);
  v1::ImportResponse total;
  ASSERT_OK(strict.ImportChunk(Of("a"), "", chunk, total));
  ASSERT_EQ(total.bad_size(), 2);
  EXPECT_NE(total.bad(0).find("record 1: trace semantics are of version 99, this build replays version 1"),
            std::string::npos)
      << total.bad(0);
  EXPECT_EQ(total.bad(1), "record 2: trace has 2 instructions, expected at most 1");
  EXPECT_EQ(total.records() - total.duplicates() - total.bad_size(), 1);
  v1::CommitRequest commit;
  *commit.add_records() = ToProto(other);
  EXPECT_STATUS(strict.Commit(Of("a"), commit), absl::StatusCode::kInvalidArgument, "trace semantics");
}

}  // namespace
}  // namespace hone
