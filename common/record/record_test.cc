#include <gtest/gtest.h>

#include <fstream>

#include "absl/strings/str_split.h"
#include "common/record/json_scan.h"
#include "common/record/record_json.h"
#include "common/record/tuning_record.h"
#include "common/record/tvm_line.h"
#include "common/support/random.h"
#include "common/support/status_matchers.h"

namespace hone {
namespace {

constexpr char kTrace[] = R"([[["GetBlock",[],["C","main"],["b0"]],["EnterPostproc",[],[],[]]],[[0,[8,4]]]])";

std::string Line(std::string_view run_secs, std::string_view trace = kTrace) {
  return StrCat("[3,[", trace, ",", run_secs, R"(,{"kind":"llvm"},[["TENSOR","float32",[2,3]]]]])");
}

TEST(JsonScanTest, SplitsNestedElementsWithBlanksAndTrailingComma) {
  ASSERT_OK_AND_ASSIGN(auto parts, SplitJsonArray(R"( [1, [2,[3]], {"a": "]"} , "x\"y", ] )"));
  ASSERT_EQ(parts.size(), 4);
  EXPECT_EQ(parts[1], "[2,[3]]");
  EXPECT_EQ(parts[2], R"({"a": "]"})");
  EXPECT_EQ(parts[3], R"("x\"y")");
}

TEST(JsonScanTest, RefusesWhatIsNotAnArray) {
  for (const char* bad :
       {"", "[", "[1", "[1 2]", "[1,]]", "{}", "[tru]", "[{1:2}]", "[{\"a\" 1}]", "[\"abc]", "[1}]"}) {
    EXPECT_FALSE(SplitJsonArray(bad).ok()) << bad;
  }
}

TEST(JsonScanTest, DeepNestingIsRefusedWithoutUsingTheStack) {
  EXPECT_STATUS(SplitJsonArray("[" + std::string(1'000'000, '[')), absl::StatusCode::kInvalidArgument, "deeper");
}

TEST(JsonScanTest, WritesNumbersAndStringsAsTvm) {
  EXPECT_EQ(TvmJsonNumber(0.3), "0.2999999999999999889");
  EXPECT_EQ(TvmJsonNumber(1e-9), "1.0000000000000000623e-09");
  EXPECT_EQ(TvmJsonNumber(1e10), "10000000000");
  EXPECT_EQ(TvmJsonNumber(1.0), "1");
  EXPECT_EQ(TvmJsonString("a\"\\\n\xC3\xA9"), R"("a\"\\\n\xC3\xA9")");
}

TEST(RecordTest, ValidityFollowsTvm) {
  for (const char* valid : {"[10000000000,0.001]", "[inf]", "[0.5]"}) {
    ASSERT_OK_AND_ASSIGN(IndexedRecord parsed, ParseTvmRecordLine(Line(valid)));
    EXPECT_TRUE(IsValid(parsed.record)) << valid;
  }
  for (const char* invalid : {"[10000000000]", "[1e10,1e10]", "[]", "null"}) {
    ASSERT_OK_AND_ASSIGN(IndexedRecord parsed, ParseTvmRecordLine(Line(invalid)));
    EXPECT_FALSE(IsValid(parsed.record)) << invalid;
  }
  for (const char* empty : {"[[],[]]", R"([[["EnterPostproc",[],[],[]]],[]])"}) {
    ASSERT_OK_AND_ASSIGN(IndexedRecord parsed, ParseTvmRecordLine(Line("[0.5]", empty)));
    EXPECT_FALSE(IsValid(parsed.record)) << empty;
  }
}

TEST(RecordTest, TvmLinesComeBackAsTheyWere) {
  for (const char* secs : {"[0.5,0.25]", "[]", "null", "[10000000000]", "[0.2999999999999999889]"}) {
    ASSERT_OK_AND_ASSIGN(IndexedRecord parsed, ParseTvmRecordLine(Line(secs)));
    EXPECT_EQ(TvmRecordLine(parsed.workload_index, parsed.record), Line(secs));
  }
}

TEST(RecordTest, BadLinesAreRefusedWithAReason) {
  EXPECT_STATUS(ParseTvmRecordLine("[0]"), absl::StatusCode::kInvalidArgument, "[workload index, record]");
  EXPECT_STATUS(ParseTvmRecordLine("[0,[[[],[]],[1]]]"), absl::StatusCode::kInvalidArgument, "2 fields");
  EXPECT_STATUS(ParseTvmRecordLine("[0,[[[],[]],[true],null,null]]"), absl::StatusCode::kInvalidArgument, "number");
}

TEST(RecordTest, SkeletonAndDecisionsJoinToTheTrace) {
  ASSERT_OK_AND_ASSIGN(SplitTrace split, SplitTraceJson(kTrace));
  EXPECT_EQ(split.decisions_json, "[[0,[8,4]]]");
  ASSERT_OK_AND_ASSIGN(std::string joined, JoinSkeleton(split.skeleton_json, split.decisions_json));
  EXPECT_EQ(joined, kTrace);
}

TuningRecord FullRecord() {
  TuningRecord r;
  r.workload_id = Sha256("w");
  r.trace_json = kTrace;
  r.target_json = R"({"kind":"llvm"})";
  r.args_info = std::vector<TensorInfo>{{"float32", {2, 3}}};
  r.run.median = 0.5;
  r.run.spread = 0.01;
  r.run.samples = {0.5, 0.49, 0.51};
  r.run.number = 7;
  r.run.verdict = Verdict::kRight;
  r.run.errors = {1e-6, 1e-7, 1e-3};
  r.run.disturbance.migrations = 3;
  r.run.sandbox_layers = "rlimits";
  r.policy = MeasurementPolicy{.repeat = 9};
  r.trust = Trust::kVerified;
  r.device = {"cpu/x", "{\"a\":1}"};
  r.revisions = {1, 2, "llvm-22", "0.1"};
  r.slot = {"j1", 1, 2, 3};
  r.lease = {4, 1, 9};
  r.worker = "w1";
  r.pool = "p";
  r.created = absl::FromUnixSeconds(1'700'000'000);
  r.id = RecordId(r);
  return r;
}

TEST(RecordTest, OwnJsonKeepsEverything) {
  TuningRecord record = FullRecord();
  ASSERT_OK_AND_ASSIGN(TuningRecord read, RecordFromJson(RecordToJson(record)));
  EXPECT_EQ(RecordToJson(read), RecordToJson(record));
  EXPECT_EQ(read.slot, record.slot);
  EXPECT_EQ(read.created, record.created);
  EXPECT_EQ(read.policy->repeat, 9);
  record.run.failure = Failure{FailureKind::kCrash, "SIGSEGV"};
  ASSERT_OK_AND_ASSIGN(read, RecordFromJson(RecordToJson(record)));
  EXPECT_EQ(read.run.failure->kind, FailureKind::kCrash);
  EXPECT_EQ(read.run.failure->message, "SIGSEGV");
}

TEST(RecordTest, OwnJsonKeepsWhatTheFileSaid) {
  for (const char* secs : {"[0.5,0.25]", "[]", "null", "[inf]"}) {
    ASSERT_OK_AND_ASSIGN(IndexedRecord parsed, ParseTvmRecordLine(Line(secs)));
    ASSERT_OK_AND_ASSIGN(TuningRecord read, RecordFromJson(RecordToJson(parsed.record)));
    EXPECT_EQ(TvmRecordLine(3, read), Line(secs));
  }
}

TEST(RecordTest, WrongTypesInOwnJsonNameTheMember) {
  EXPECT_STATUS(RecordFromJson(R"({"trace": 5})"), absl::StatusCode::kInvalidArgument, "\"trace\"");
  EXPECT_STATUS(RecordFromJson(R"({"run": {"samples": "x"}})"), absl::StatusCode::kInvalidArgument, "\"samples\"");
  EXPECT_STATUS(RecordFromJson(R"({"run": 3, "slot": []})"), absl::StatusCode::kOk, "");
  EXPECT_STATUS(RecordFromJson("[]"), absl::StatusCode::kInvalidArgument, "object");
}

TEST(RecordTest, JobRecordsAreKnownByTheirSlot) {
  TuningRecord a = FullRecord(), b = FullRecord();
  b.run.median = 9;
  EXPECT_EQ(RecordId(a), RecordId(b));
  b.slot.slot = 4;
  EXPECT_NE(RecordId(a), RecordId(b));
}

TEST(WorkloadTest, LineAndJsonRoundTrip) {
  Workload workload = WorkloadFromScript("@I.ir_module\nclass Module: ...", "m");
  ASSERT_OK_AND_ASSIGN(std::string line, TvmWorkloadLine(workload, {}));
  ASSERT_OK_AND_ASSIGN(Workload read, ParseTvmWorkloadLine(line, {}));
  EXPECT_EQ(read.script, workload.script);
  EXPECT_EQ(read.id, workload.id);
  workload.keys[1] = Sha256("x");
  ASSERT_OK_AND_ASSIGN(read, WorkloadFromJson(WorkloadToJson(workload)));
  EXPECT_EQ(read, workload);
}

// Random damage of a good line: an error or a record, never a crash.
TEST(RecordTest, DamagedLinesNeverCrash) {
  std::string good = Line("[0.5,1e10]"), own = RecordToJson(FullRecord());
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    CounterRandom random({seed});
    for (std::string text : {good, own}) {
      for (uint64_t n = 1 + random.Below(3); n > 0; --n) {
        text[random.Below(text.size())] = "[]{},:\"\\1e n"[random.Below(12)];
      }
      (void)ParseTvmRecordLine(text);
      (void)RecordFromJson(text);
      (void)ParseTvmWorkloadLine(text, {});
    }
  }
}

}  // namespace
}  // namespace hone
