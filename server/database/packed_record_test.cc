#include "server/database/packed_record.h"

#include <gtest/gtest.h>

#include "common/support/random.h"
#include "common/support/status_matchers.h"
#include "common/support/strings.h"
#include "common/wire/records_wire.h"

namespace hone {
namespace {

std::string RandomTrace(CounterRandom& random) {
  switch (random.Below(6)) {
    case 0:
      return "";
    case 1:
      return "no trace";
    case 2:
      return R"([[["GetBlock",[],["C","main"],["b0"]]],[]])";
    case 3:
      return R"([[["SampleCategorical",["b0"],[[1,2],[0.5,0.5]],["v0"]]], [[0, 1]]])";  // Blanks: stays text.
    default:
      return StrCat(R"([[["SamplePerfectTile",["l0"],[2,64],["v0","v1"]],["EnterPostproc",[],[],[]]],[[0,[)",
                    random.Below(1000), ",", random.Below(64), "]],[5,", random.Below(9), "]]]");
  }
}

TuningRecord RandomRecord(CounterRandom& random) {
  TuningRecord record;
  record.trace_json = RandomTrace(random);
  record.target_json = random.Below(2) ? R"({"kind":"llvm"})" : "";
  if (random.Below(2)) record.args_info = std::vector<TensorInfo>(random.Below(3), TensorInfo{"float32", {4, 0, -1}});
  if (random.Below(2)) {
    record.policy = MeasurementPolicy();
    record.policy->input_seed = random.Next() | 1;
  }
  record.device = {random.Below(2) ? "cpu/V/1/1/4c" : "", random.Below(2) ? "{}" : ""};
  record.revisions = {4, 1, "llvm", random.Below(2) ? "r" : ""};
  if (random.Below(2)) {
    record.slot = {StrCat("job-", random.Below(5)), static_cast<uint32_t>(random.Below(3)), 0, 7};
    record.lease = {random.Below(3), 1, 2};
  }
  record.worker = record.tenant = record.pool = random.Below(2) ? "somebody" : "";
  record.created = absl::FromUnixMillis(static_cast<int64_t>(random.Below(1'000'000)));
  record.build_time = absl::Milliseconds(random.Below(2));
  if (random.Below(2)) record.artifact_key = Sha256("artifact");
  if (random.Below(4) == 0) {
    record.trust = Trust::kFailed;
    record.run.failure = Failure{FailureKind::kCrash, "it crashed"};
    return record;
  }
  if (random.Below(4) == 0) {
    record.file_run_secs.emplace(std::nullopt);
    return record;
  }
  record.trust = random.Below(2) ? Trust::kVerified : Trust::kImported;
  record.run.samples.assign(1 + random.Below(4), random.Unit() + 1e-9);
  record.run.median = record.run.samples[0];
  record.run.abandoned = random.Below(5) == 0;
  record.run.verdict = static_cast<Verdict>(random.Below(3));
  record.run.errors = {random.Unit(), 0, random.Below(2) ? 1e-3 : 0};
  record.run.sandbox_layers = random.Below(2) ? "seccomp" : "";
  return record;
}

RecordColumns ColumnsOf(const TuningRecord& record) {
  RecordColumns columns;
  columns.id = Sha256("id");
  columns.workload_id = Sha256("workload");
  columns.job_id = record.slot.job_id;
  if (HasUsableTime(record)) columns.median = record.run.median;
  columns.created_unix_secs = ToUnixSecs(record.created);
  return columns;
}

TEST(PackedRecordTest, BytesForAnswersAreThoseOfTheRecord) {
  for (uint64_t seed = 0; seed < 2'000; ++seed) {
    CounterRandom random({17, seed});
    const TuningRecord record = RandomRecord(random);
    const PackedRecord packed = PackRecord(record);
    const RecordColumns columns = ColumnsOf(record);
    ASSERT_OK_AND_ASSIGN(TuningRecord unpacked,
                         UnpackRecord(columns, packed.skeleton_json, packed.context, packed.detail));
    std::string bytes;
    ASSERT_OK(AppendUnpackedRecord(columns, packed.skeleton_json, packed.context, packed.detail, &bytes));
    v1::TuningRecord read;
    ASSERT_TRUE(read.ParseFromString(bytes)) << "seed " << seed;
    EXPECT_EQ(read.DebugString(), ToProto(unpacked).DebugString()) << "seed " << seed;
  }
}

TEST(PackedRecordTest, DamagedBytesAreDataLoss) {
  CounterRandom random({18});
  TuningRecord record = RandomRecord(random);
  record.trace_json = R"([[["SamplePerfectTile",["l0"],[2,64],["v0","v1"]]],[[0,[3,4]]]])";
  const PackedRecord packed = PackRecord(record);
  const RecordColumns columns = ColumnsOf(record);
  std::string bytes;
  EXPECT_STATUS(AppendUnpackedRecord(columns, packed.skeleton_json, packed.context,
                                     packed.detail.substr(0, packed.detail.size() - 1), &bytes),
                absl::StatusCode::kDataLoss, "cannot be parsed");
  v1::TuningRecord detail;
  detail.set_packed_decisions("\x80");
  EXPECT_STATUS(AppendUnpackedRecord(columns, packed.skeleton_json, packed.context, detail.SerializeAsString(), &bytes),
                absl::StatusCode::kDataLoss, "decisions cannot be read");
}

}  // namespace
}  // namespace hone
