#include "server/database/testing/database_suite.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "common/record/record_json.h"
#include "common/record/tvm_line.h"
#include "common/support/status_matchers.h"
#include "common/support/strings.h"
#include "common/wire/records_wire.h"
#include "server/database/memory_database.h"

namespace hone::testing {
namespace {

constexpr char kTrace[] = R"([[["GetBlock",[],["C","main"],["b0"]]],[[0,[8,%d]]]])";

// What BestEncoded says of a query, and what it should: messages as text.
std::vector<std::string> EncodedBest(Database& database, const RecordQuery& query) {
  std::vector<std::string> texts;
  const RecordQuery twice[] = {query, query};
  const auto answers = database.BestEncoded(twice);
  EXPECT_EQ(answers.size(), 2);
  EXPECT_OK(answers[1].status());
  for (const EncodedRecord& record : *answers[1]) {
    v1::TuningRecord proto;
    EXPECT_TRUE(proto.ParseFromString(record.bytes));
    EXPECT_EQ(proto.workload_id(), record.workload_id.Raw());
    texts.push_back(proto.DebugString());
  }
  return texts;
}
std::vector<std::string> TextsOf(const std::vector<TuningRecord>& records) {
  std::vector<std::string> texts;
  for (const TuningRecord& record : records) texts.push_back(ToProto(record).DebugString());
  return texts;
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  char path[] = "/tmp/hone-json.XXXXXX";
  path_ = mkdtemp(path);
}
TemporaryFolder::~TemporaryFolder() { std::filesystem::remove_all(path_); }

TuningRecord SuiteRecord(const Workload& workload, double median, int n, std::string device) {
  TuningRecord record;
  record.workload_id = workload.id;
  char trace[200];
  std::snprintf(trace, sizeof(trace), kTrace, n);
  record.trace_json = trace;
  record.target_json = R"({"kind":"llvm"})";
  record.args_info = std::vector<TensorInfo>{{"float32", {4, 4}}};
  record.run.median = median;
  record.run.samples = {median, median * 1.5};
  record.run.verdict = Verdict::kRight;
  record.trust = Trust::kVerified;
  record.device.device_class = std::move(device);
  record.slot = {"job", 0, 0, static_cast<uint32_t>(n)};
  record.created = absl::FromUnixSeconds(1'700'000'000 + n);
  record.id = RecordId(record);
  return record;
}

TuningRecord SuiteFailure(const Workload& workload, int n) {
  TuningRecord record = SuiteRecord(workload, 1, n);
  record.run = RunResult{};
  record.run.failure = Failure{FailureKind::kCrash, "SIGSEGV"};
  record.trust = Trust::kFailed;
  return record;
}

TEST_P(DatabaseSuite, AWorkloadIsStoredOnce) {
  auto database = Open();
  Workload w = WorkloadFromScript("w");
  EXPECT_FALSE(*database->HasWorkload(w));
  EXPECT_EQ(database->CommitWorkload(w)->id, w.id);
  EXPECT_TRUE(*database->HasWorkload(w));
  EXPECT_EQ(database->CommitWorkload(w)->id, w.id);
  EXPECT_EQ(database->GetAllWorkloads()->size(), 1);
  EXPECT_EQ(**database->FindWorkload(w.id), w);
  EXPECT_FALSE(database->FindWorkload(Sha256("x"))->has_value());
}

TEST_P(DatabaseSuite, EqualityDecidesWhatIsTheSame) {
  auto database = Open(ModuleEquality::kAnchorBlock);
  Workload a = WorkloadFromScript("a"), b = WorkloadFromScript("b");
  b.keys[2] = a.keys[2];
  ASSERT_OK(database->CommitWorkload(a));
  EXPECT_TRUE(*database->HasWorkload(b));
  EXPECT_EQ(database->CommitWorkload(b)->id, a.id);
}

TEST_P(DatabaseSuite, RecordsComeBackWhole) {
  auto database = Open();
  Workload w = WorkloadFromScript("w");
  ASSERT_OK(database->CommitWorkload(w));
  TuningRecord record = SuiteRecord(w, 0.1 + 0.2, 1);
  record.policy = MeasurementPolicy{.repeat = 7};
  record.run.errors.max_rel = 1e-7;
  TuningRecord failed = SuiteFailure(w, 2);
  EXPECT_EQ(*database->CommitRecords({record, failed}), 2);
  EXPECT_EQ(*database->Size(), 2);
  record = Stored(record);
  failed = Stored(failed);
  EXPECT_EQ(RecordToJson(*database->FindRecord(record.id.Hex())), RecordToJson(record));
  EXPECT_EQ(RecordToJson(*database->FindRecord(failed.id.Hex().substr(0, 12))), RecordToJson(failed));
  EXPECT_STATUS(database->FindRecord("0000000000"), absl::StatusCode::kNotFound, "no record");
  EXPECT_STATUS(database->FindRecord("xyz"), absl::StatusCode::kInvalidArgument, "hexadecimal");
}

TEST_P(DatabaseSuite, ARecordCountsOnce) {
  auto database = Open();
  Workload w = WorkloadFromScript("w");
  ASSERT_OK(database->CommitWorkload(w));
  TuningRecord record = SuiteRecord(w, 1, 1);
  EXPECT_EQ(*database->CommitRecords({record, record}), 1);
  EXPECT_EQ(*database->CommitRecords({record}), 0);
  EXPECT_EQ(*database->Size(), 1);
}

TEST_P(DatabaseSuite, AnUnknownWorkloadRefusesTheWholeBatch) {
  auto database = Open();
  Workload w = WorkloadFromScript("w");
  ASSERT_OK(database->CommitWorkload(w));
  EXPECT_STATUS(database->CommitRecords({SuiteRecord(w, 1, 1), SuiteRecord(WorkloadFromScript("x"), 1, 2)}),
                absl::StatusCode::kFailedPrecondition, "was not committed");
  EXPECT_EQ(*database->Size(), 0);
}

TEST_P(DatabaseSuite, TopKIsByMeanAmongValidOnes) {
  auto database = Open();
  Workload w = WorkloadFromScript("w"), other = WorkloadFromScript("o");
  ASSERT_OK(database->CommitWorkload(w));
  ASSERT_OK(database->CommitWorkload(other));
  ASSERT_OK(Fill({SuiteRecord(w, 3, 1), SuiteRecord(w, 1, 2), SuiteFailure(w, 3), SuiteRecord(w, 2, 4),
                  SuiteRecord(w, 1, 5), SuiteRecord(other, 0.1, 6)}));
  auto top = *database->GetTopK(w, 3);
  ASSERT_EQ(top.size(), 3);
  EXPECT_EQ(top[0].slot.slot, 2);  // A tie keeps the order of insertion.
  EXPECT_EQ(top[1].slot.slot, 5);
  EXPECT_EQ(top[2].slot.slot, 4);
  EXPECT_EQ(database->GetTopK(w, 100)->size(), 4);
  EXPECT_TRUE(database->GetTopK(w, 0)->empty());
  EXPECT_STATUS(database->GetTopK(w, -1), absl::StatusCode::kInvalidArgument, "top_k must be non-negative");
  EXPECT_EQ((**database->QueryRecord(w, "", "main")).slot.slot, 2);
  EXPECT_FALSE(database->QueryRecord(WorkloadFromScript("z"), "", "main")->has_value());
}

TEST_P(DatabaseSuite, BestAsksForDeviceTrustPoolAndMetric) {
  auto database = Open();
  Workload w = WorkloadFromScript("w");
  ASSERT_OK(database->CommitWorkload(w));
  TuningRecord imported = SuiteRecord(w, 0.5, 1), elsewhere = SuiteRecord(w, 0.6, 2, "e"),
               mine = SuiteRecord(w, 0.7, 3);
  TuningRecord counted = SuiteRecord(w, 0.1, 4), given_up = SuiteRecord(w, 0.2, 5);
  imported.trust = Trust::kImported;
  mine.pool = "p";
  mine.id = RecordId(mine);
  counted.run.metric = Metric::kInstructions;
  given_up.run.abandoned = true;
  ASSERT_OK(Fill({imported, elsewhere, mine, counted, given_up, SuiteFailure(w, 6)}));
  RecordQuery query;
  query.key = w.keys[0];
  query.limit = 10;
  auto slots = [&] {
    std::vector<int> found;
    std::vector<TuningRecord> best = *database->Best(query);
    for (const TuningRecord& record : best) found.push_back(static_cast<int>(record.slot.slot));
    EXPECT_EQ(EncodedBest(*database, query), TextsOf(best));
    return found;
  };
  EXPECT_EQ(slots(), (std::vector<int>{2, 3}));
  query.trust = {Trust::kVerified, Trust::kImported};
  EXPECT_EQ(slots(), (std::vector<int>{1, 2, 3}));
  query.device_class = "d";
  EXPECT_EQ(slots(), (std::vector<int>{1, 3}));
  query.pools = {"p"};
  EXPECT_EQ(slots(), (std::vector<int>{3}));
  query.pools = {};
  query.limit = 1;
  EXPECT_EQ(slots(), (std::vector<int>{1}));
  query.metric = Metric::kInstructions;
  EXPECT_EQ(slots(), (std::vector<int>{4}));
  query.key = Sha256("unknown");
  EXPECT_TRUE(slots().empty());
}

TEST_P(DatabaseSuite, PagesCoverEveryRecordOnce) {
  auto database = Open();
  Workload w = WorkloadFromScript("w");
  ASSERT_OK(database->CommitWorkload(w));
  std::vector<TuningRecord> records;
  for (int i = 0; i < 25; ++i) records.push_back(i % 5 == 0 ? SuiteFailure(w, i) : SuiteRecord(w, 1, i));
  ASSERT_OK(Fill(records));
  for (bool failed : {true, false}) {
    RecordPageRequest request;
    request.limit = 4;
    request.include_failed = failed;
    std::set<uint32_t> seen;
    do {
      RecordPage page = *database->ListRecords(request);
      for (const TuningRecord& record : page.records) EXPECT_TRUE(seen.insert(record.slot.slot).second);
      request.after = page.cursor;
    } while (request.after != 0);
    EXPECT_EQ(seen.size(), failed ? 25 : 20);
  }
}

TEST_P(DatabaseSuite, StatsCount) {
  auto database = Open();
  Workload w = WorkloadFromScript("w");
  ASSERT_OK(database->CommitWorkload(w));
  ASSERT_OK(Fill({SuiteRecord(w, 1, 1), SuiteFailure(w, 2), SuiteFailure(w, 3)}));
  DatabaseStats stats = *database->Stats({});
  EXPECT_EQ(stats.records, 3);
  EXPECT_EQ(stats.by_trust["verified"], 1);
  EXPECT_EQ(stats.by_failure["crash"], 2);
  EXPECT_EQ(stats.by_device_class["d"], 3);
}

TEST_P(DatabaseSuite, PoolsBoundPagesStatsAndWorkloads) {
  auto database = Open();
  Workload a = WorkloadFromScript("a"), b = WorkloadFromScript("b"), c = WorkloadFromScript("c");
  for (const Workload& w : {a, b, c}) ASSERT_OK(database->CommitWorkload(w));
  auto in_pool = [](TuningRecord record, std::string pool) {
    record.pool = std::move(pool);
    record.id = RecordId(record);
    return record;
  };
  ASSERT_OK(Fill({in_pool(SuiteRecord(a, 1, 1), "p"), in_pool(SuiteRecord(a, 2, 2), "q"),
                  in_pool(SuiteRecord(b, 3, 3), "q"), in_pool(SuiteFailure(b, 4), "q")}));
  RecordPageRequest page;
  page.pools = {"p"};
  if (absl::IsUnimplemented(database->Stats({"p"}).status())) {
    EXPECT_STATUS(database->ListRecords(page), absl::StatusCode::kUnimplemented, "chooses the pools");
    EXPECT_STATUS(database->AddToPool(c.id, "p"), absl::StatusCode::kUnimplemented, "have pools");
    return;  // The server chooses the pools.
  }
  ASSERT_OK(database->AddToPool(c.id, "p"));
  EXPECT_STATUS(database->AddToPool(Sha256("x"), "p"), absl::StatusCode::kFailedPrecondition, "was not committed");

  EXPECT_EQ(database->ListRecords(page)->records.size(), 1);
  page.pools = {"p", "q"};
  EXPECT_EQ(database->ListRecords(page)->records.size(), 4);
  page.pools = {"none"};
  EXPECT_TRUE(database->ListRecords(page)->records.empty());

  DatabaseStats stats = *database->Stats({"p"});
  EXPECT_EQ(stats.records, 1);
  EXPECT_EQ(stats.workloads, 2);
  EXPECT_TRUE(stats.by_failure.empty());
  stats = *database->Stats({"q", "none"});
  EXPECT_EQ(stats.records, 3);
  EXPECT_EQ(stats.workloads, 2);
  EXPECT_EQ(stats.by_failure["crash"], 1);
  EXPECT_EQ(database->Stats({})->records, 4);
  EXPECT_EQ(database->Stats({})->workloads, 3);

  EXPECT_TRUE(*database->WorkloadInPools(a.id, {"p"}));
  EXPECT_TRUE(*database->WorkloadInPools(c.id, {"p"}));
  EXPECT_FALSE(*database->WorkloadInPools(b.id, {"p"}));
  EXPECT_FALSE(*database->WorkloadInPools(Sha256("x"), {"p"}));
  EXPECT_TRUE(database->FindWorkloadByKey(ModuleEquality::kStructural, b.keys[0])->has_value());
  EXPECT_TRUE(database->FindWorkloadByKey(ModuleEquality::kStructural, b.keys[0], {"q"})->has_value());
  EXPECT_FALSE(database->FindWorkloadByKey(ModuleEquality::kStructural, b.keys[0], {"p"})->has_value());
}

TEST_P(DatabaseSuite, DevicesAndTargetsNarrowTheBest) {
  auto database = Open();
  Workload w = WorkloadFromScript("w"), other = WorkloadFromScript("other");
  ASSERT_OK(database->CommitWorkload(w));
  ASSERT_OK(database->CommitWorkload(other));
  auto for_target = [](TuningRecord record, std::string target) {
    record.target_json = std::move(target);
    return record;
  };
  ASSERT_OK(Fill({for_target(SuiteRecord(w, 3, 1, "d"), "t"), for_target(SuiteRecord(w, 1, 2, "e"), "t"),
                  for_target(SuiteRecord(w, 2, 3, "e"), "u"), for_target(SuiteRecord(other, 1, 4, "f"), "t"),
                  SuiteFailure(w, 5)}));
  RecordQuery query;
  query.key = w.keys[0];
  query.limit = 10;
  const bool lists_devices = !absl::IsUnimplemented(database->DevicesOf(query).status());
  if (lists_devices) {
    EXPECT_EQ(*database->DevicesOf(query), (std::vector<DeviceTarget>{{"d", "t"}, {"e", "t"}, {"e", "u"}}));
  }
  auto slots = [&] {
    std::vector<int> found;
    std::vector<TuningRecord> best = *database->Best(query);
    for (const TuningRecord& record : best) found.push_back(static_cast<int>(record.slot.slot));
    EXPECT_EQ(EncodedBest(*database, query), TextsOf(best));
    return found;
  };
  query.devices = {{"e", "u"}, {"d", "t"}};
  EXPECT_EQ(slots(), (std::vector<int>{3, 1}));
  query.devices = {{"d", "u"}};
  EXPECT_TRUE(slots().empty());
  query.devices = {};
  query.target_json = "t";
  EXPECT_EQ(slots(), (std::vector<int>{2, 1}));
  query.device_class = "d";
  EXPECT_EQ(slots(), (std::vector<int>{1}));
  query.trust = {Trust::kImported};
  if (lists_devices) {
    EXPECT_TRUE(database->DevicesOf(query)->empty());
  }
}

TEST_P(DatabaseSuite, EqualWorkloadsAreOneGroupAndTiesKeepTheirOrder) {
  auto database = Open();
  Workload a = WorkloadFromScript("a"), b = WorkloadFromScript("b");
  b.keys[2] = a.keys[2];  // Equal in the anchor block only.
  ASSERT_OK(database->CommitWorkload(a));
  ASSERT_OK(database->CommitWorkload(b));
  ASSERT_OK(Fill({SuiteRecord(b, 1, 1), SuiteRecord(a, 1, 2), SuiteRecord(b, 1, 3), SuiteRecord(a, 0.5, 4)}));
  RecordQuery query;
  query.equality = ModuleEquality::kAnchorBlock;
  query.key = a.keys[2];
  query.limit = 3;
  std::vector<TuningRecord> best = *database->Best(query);
  EXPECT_EQ(EncodedBest(*database, query), TextsOf(best));
  ASSERT_EQ(best.size(), 3);
  EXPECT_EQ(best[0].slot.slot, 4);
  EXPECT_EQ(best[1].slot.slot, 1);
  EXPECT_EQ(best[2].slot.slot, 2);
}

TEST_P(DatabaseSuite, RetentionLetsOldAndTooManyFailuresGo) {
  auto database = Open();
  Workload w = WorkloadFromScript("w"), other = WorkloadFromScript("o");
  ASSERT_OK(database->CommitWorkload(w));
  ASSERT_OK(database->CommitWorkload(other));
  std::vector<TuningRecord> records = {SuiteRecord(w, 1, 1), SuiteFailure(other, 20)};
  for (int i = 2; i < 8; ++i) records.push_back(SuiteFailure(w, i));  // Created at 1'700'000'000 + i.
  TuningRecord live = SuiteFailure(w, 8);
  live.slot.job_id = "live";
  live.id = RecordId(live);
  live.created = absl::FromUnixSeconds(1);
  records.push_back(live);
  ASSERT_OK(Fill(records));
  FailureRetention retention;
  retention.per_workload = 4;  // Of w: live and 5, 6, 7 at most.
  retention.max_age = absl::Seconds(100);
  retention.live_jobs = {"live"};
  retention.limit = 2;
  const absl::Time now = absl::FromUnixSeconds(1'700'000'106);  // What is younger than 6 is not too old.
  absl::StatusOr<int64_t> gone = database->TrimFailures(retention, now);
  if (absl::IsUnimplemented(gone.status())) {  // And then nothing goes.
    EXPECT_EQ(*database->Size(), 9);
    return;
  }
  EXPECT_EQ(*gone, 2);  // Bounded: the oldest first.
  EXPECT_EQ(*database->Size(), 7);
  retention.limit = 100;
  EXPECT_EQ(*database->TrimFailures(retention, now), 2);
  EXPECT_EQ(*database->TrimFailures(retention, now), 0);
  std::set<uint32_t> left;
  RecordPage page = *database->ListRecords({});
  for (const TuningRecord& record : page.records) left.insert(record.slot.slot);
  EXPECT_EQ(left, (std::set<uint32_t>{1, 6, 7, 8, 20}));
  EXPECT_EQ(*database->Size(), 5);
  EXPECT_EQ(database->Stats({})->by_failure["crash"], 4);
  // What went may come again.
  EXPECT_EQ(*database->CommitRecords({records[2]}), 1);
}

TEST_P(DatabaseSuite, ManyRecordsAtOnceCountOnceEach) {
  auto database = Open();
  Workload w = WorkloadFromScript("w");
  ASSERT_OK(database->CommitWorkload(w));
  std::vector<TuningRecord> records;
  for (int i = 0; i < 600; ++i) {
    records.push_back(i % 7 == 0 ? SuiteFailure(w, i)
                                 : SuiteRecord(w, 1 + i % 13, i, i % 2 ? "tab\there \\ \"quoted\"" : "e"));
  }
  ASSERT_OK(database->CommitRecords({records[3], records[10]}));
  EXPECT_EQ(*database->CommitRecords(records), 598);
  EXPECT_EQ(*database->CommitRecords(records), 0);
  EXPECT_EQ(*database->Size(), 600);
  for (int i : {599, 7}) {
    const TuningRecord stored = Stored(records[i]);
    EXPECT_EQ(RecordToJson(*database->FindRecord(stored.id.Hex())), RecordToJson(stored));
  }
  EXPECT_EQ(database->Stats({})->by_failure["crash"], 86);
}

TEST_P(DatabaseSuite, PrunedKeepsTheBestOfEachWorkload) {
  auto database = Open();
  MemoryDatabase pruned;
  Workload a = WorkloadFromScript("a"), b = WorkloadFromScript("b");
  ASSERT_OK(database->CommitWorkload(a));
  ASSERT_OK(database->CommitWorkload(b));
  ASSERT_OK(Fill({SuiteRecord(a, 2, 1), SuiteRecord(a, 1, 2), SuiteFailure(b, 3)}));
  ASSERT_OK(DumpPruned(*database, pruned));
  EXPECT_EQ(*pruned.Size(), 1);
  EXPECT_EQ((*pruned.GetAllRecords())[0].slot.slot, 2);
}

TEST_P(DatabaseSuite, AnImportKeepsWhatTheFileSaid) {
  auto database = Open();
  Workload w = WorkloadFromScript("w");
  ASSERT_OK(database->CommitWorkload(w));
  for (const char* secs : {"null", "[]", "[10000000000]", "[0.25,10000000000]"}) {
    std::string line = StrCat("[0,[[[[\"GetBlock\",[],[\"C\",\"main\"],[\"b0\"]]],[]],", secs, ",null,null]]");
    ASSERT_OK_AND_ASSIGN(IndexedRecord parsed, ParseTvmRecordLine(line));
    parsed.record.workload_id = w.id;
    parsed.record.id = RecordId(parsed.record);
    ASSERT_OK(Fill({parsed.record}));
    EXPECT_EQ(TvmRecordLine(0, *database->FindRecord(parsed.record.id.Hex())), line);
  }
  EXPECT_EQ(database->GetTopK(w, 10)->size(), 1);
}

}  // namespace hone::testing
