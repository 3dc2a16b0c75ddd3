// Look-ups in a folder, which answer as a server does.
#include "client/cli/record_source.h"

#include <gtest/gtest.h>

#include "common/script/parser.h"
#include "common/script/workload_codec.h"
#include "common/support/status_matchers.h"
#include "common/support/strings.h"
#include "server/database/json_database.h"

namespace hone::cli {
namespace {

constexpr char kProgram[] =
    "@T.prim_func\n"
    "def main(A: T.Buffer((8,), \"float32\"), B: T.Buffer((8,), \"float32\")):\n"
    "    for i in range(8):\n"
    "        with T.block(\"B\"):\n"
    "            v = T.axis.spatial(8, i)\n"
    "            B[v] = A[v] + T.float32(1)\n";
constexpr char kHere[] = R"({"keys":["cpu"],"kind":"llvm","mcpu":"znver4","num-cores":2})";
constexpr char kThere[] = R"({"keys":["cpu"],"kind":"llvm","mcpu":"cascadelake","num-cores":2})";

class RecordSourceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = StrCat(::testing::TempDir(), "/", ::testing::UnitTest::GetInstance()->current_test_info()->name());
    JsonDatabaseOptions options;
    options.codec = script::GraphCodec();
    absl::StatusOr<std::unique_ptr<JsonDatabase>> database = JsonDatabase::Open(folder_, options);
    ASSERT_OK(database);
    absl::StatusOr<ir::IRModule> module = script::ParseModule(kProgram);
    ASSERT_OK(module);
    workload_ = script::WorkloadOfModule(*module, "add-one");
    ASSERT_OK((*database)->CommitWorkload(workload_));
    // Of two jobs, the second faster; one of them of another device; in two pools.
    ASSERT_OK(
        (*database)->CommitRecords({Record("first", 0, 3e-3, kHere, "a"), Record("first", 1, 4e-3, kHere, "b"),
                                    Record("second", 0, 1e-3, kThere, "b"), Record("second", 1, 2e-3, kHere, "b")}));
  }

  TuningRecord Record(const std::string& job, uint32_t slot, double median, const char* target,
                      const std::string& pool) const {
    TuningRecord record;
    record.workload_id = workload_.id;
    record.trace_json = R"([[["GetBlock",[],["B","main"],["b0"]]],[]])";
    record.target_json = target;
    record.run.median = median;
    record.run.samples = {median};
    record.trust = Trust::kVerified;
    record.device.device_class = "cpu/V/1/1/2c";
    record.slot = {job, 0, 0, slot};
    record.pool = pool;
    return record;
  }

  std::unique_ptr<RecordSource> Open() {
    absl::StatusOr<std::unique_ptr<RecordSource>> source = FolderRecords(folder_);
    EXPECT_OK(source);
    return *std::move(source);
  }

  v1::QueryRequest Asking(const char* target, uint32_t top_k = 10) const {
    v1::QueryRequest request;
    request.set_workload_id(workload_.id.Raw());
    request.set_target_json(target);
    request.set_top_k(top_k);
    return request;
  }

  // "job median fit field" of each.
  static std::vector<std::string> Told(const absl::StatusOr<v1::QueryResponse>& answer) {
    EXPECT_OK(answer);
    std::vector<std::string> out;
    for (const v1::Match& match : answer->matches()) {
      out.push_back(StrCat(match.record().slot().job_id(), " ", match.record().measurement().median() * 1e3, " ",
                           v1::Fit_Name(match.fit()).substr(4), " ", match.deciding_field()));
    }
    return out;
  }

  std::string folder_;
  Workload workload_;
};

using Lines = std::vector<std::string>;

TEST_F(RecordSourceTest, QuerySaysHowWellARecordFitsAndFallsBackToOthers) {
  EXPECT_EQ(Told(Open()->Query(Asking(kHere))),
            (Lines{"second 2 EXACT ", "first 3 EXACT ", "first 4 EXACT ", "second 1 SUGGESTED mcpu"}));
  EXPECT_EQ(Told(Open()->Query(Asking(R"({"kind":"llvm","mcpu":"znver5"})", 1))), (Lines{"second 1 SUGGESTED mcpu"}));
}

TEST_F(RecordSourceTest, RefusedRecordsAndPoolsAreAsAsked) {
  v1::QueryRequest request = Asking(R"({"kind":"cuda"})", 1);
  EXPECT_EQ(Told(Open()->Query(request)), Lines{});
  request.set_include_refused(true);
  EXPECT_EQ(Told(Open()->Query(request)), (Lines{"second 1 REFUSED kind"}));
  request = Asking(kHere);
  request.add_pools("a");
  EXPECT_EQ(Told(Open()->Query(request)), (Lines{"first 3 EXACT "}));
}

TEST_F(RecordSourceTest, TopOfAJobHasTheBestOfThatJob) {
  v1::QueryRequest request;
  EXPECT_EQ(Told(Open()->Top("first", request)), (Lines{"first 3 EXACT "}));
  EXPECT_EQ(Told(Open()->Top("second", request)), (Lines{"second 1 EXACT "}));
  EXPECT_EQ(Told(Open()->Top("", request)), (Lines{"second 1 EXACT "}));
  request.set_target_json(kHere);
  EXPECT_EQ(Told(Open()->Top("second", request)), (Lines{"second 2 EXACT "}));
  request.set_top_k(5);
  EXPECT_EQ(Told(Open()->Top("second", request)), (Lines{"second 2 EXACT ", "second 1 SUGGESTED mcpu"}));
  request.add_pools("a");
  EXPECT_EQ(Told(Open()->Top("second", request)), Lines{});
  EXPECT_STATUS(Open()->Top("third", request), absl::StatusCode::kNotFound, "third");
}

TEST_F(RecordSourceTest, AListGoesOnAfterItsCursor) {
  v1::ListRecordsRequest request;
  request.set_limit(3);
  absl::StatusOr<v1::ListRecordsResponse> page = Open()->List(request);
  ASSERT_OK(page);
  EXPECT_EQ(page->records_size(), 3);
  ASSERT_NE(page->cursor(), 0u);
  request.set_after(page->cursor());
  page = Open()->List(request);
  ASSERT_OK(page);
  ASSERT_EQ(page->records_size(), 1);
  EXPECT_EQ(page->records(0).slot().slot(), 1u);
  EXPECT_EQ(page->cursor(), 0u);
}

}  // namespace
}  // namespace hone::cli
