// One suite for every kind of database that stores.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "common/record/record_json.h"
#include "common/support/status_matchers.h"
#include "server/database/json_database.h"
#include "server/database/memory_database.h"
#include "server/database/postgres_database.h"
#include "server/database/postgres_migrations.h"
#include "server/database/testing/private_cluster.h"
#include "server/database/union_database.h"

namespace hone {
namespace {

constexpr char kTrace[] = R"([[["GetBlock",[],["C","main"],["b0"]]],[[0,[8,%d]]]])";

TuningRecord RecordOf(const Workload& workload, double median, int n, std::string device = "d") {
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

TuningRecord Failed(const Workload& workload, int n) {
  TuningRecord record = RecordOf(workload, 1, n);
  record.run = RunResult{};
  record.run.failure = Failure{FailureKind::kCrash, "SIGSEGV"};
  record.trust = Trust::kFailed;
  return record;
}

class Folder {
 public:
  Folder() {
    char path[] = "/tmp/hone-json.XXXXXX";
    path_ = mkdtemp(path);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string path_;
};

struct Kind {
  const char* name;
  std::function<std::unique_ptr<Database>(Folder&, ModuleEquality)> open;
};

class DatabaseSuite : public ::testing::TestWithParam<Kind> {
 protected:
  std::unique_ptr<Database> Open(ModuleEquality equality = ModuleEquality::kStructural) {
    return GetParam().open(folder_, equality);
  }
  Folder folder_;
};

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
  TuningRecord record = RecordOf(w, 0.1 + 0.2, 1);
  record.policy = MeasurementPolicy{.repeat = 7};
  record.run.errors.max_rel = 1e-7;
  TuningRecord failed = Failed(w, 2);
  EXPECT_EQ(*database->CommitRecords({record, failed}), 2);
  EXPECT_EQ(*database->Size(), 2);
  EXPECT_EQ(RecordToJson(*database->FindRecord(record.id.Hex())), RecordToJson(record));
  EXPECT_EQ(RecordToJson(*database->FindRecord(failed.id.Hex().substr(0, 12))), RecordToJson(failed));
  EXPECT_STATUS(database->FindRecord("0000000000"), absl::StatusCode::kNotFound, "no record");
  EXPECT_STATUS(database->FindRecord("xyz"), absl::StatusCode::kInvalidArgument, "hexadecimal");
}

TEST_P(DatabaseSuite, ARecordCountsOnce) {
  auto database = Open();
  Workload w = WorkloadFromScript("w");
  ASSERT_OK(database->CommitWorkload(w));
  TuningRecord record = RecordOf(w, 1, 1);
  EXPECT_EQ(*database->CommitRecords({record, record}), 1);
  EXPECT_EQ(*database->CommitRecords({record}), 0);
  EXPECT_EQ(*database->Size(), 1);
}

TEST_P(DatabaseSuite, AnUnknownWorkloadRefusesTheWholeBatch) {
  auto database = Open();
  Workload w = WorkloadFromScript("w");
  ASSERT_OK(database->CommitWorkload(w));
  EXPECT_STATUS(database->CommitRecords({RecordOf(w, 1, 1), RecordOf(WorkloadFromScript("x"), 1, 2)}),
                absl::StatusCode::kFailedPrecondition, "was not committed");
  EXPECT_EQ(*database->Size(), 0);
}

TEST_P(DatabaseSuite, TopKIsByMeanAmongValidOnes) {
  auto database = Open();
  Workload w = WorkloadFromScript("w"), other = WorkloadFromScript("o");
  ASSERT_OK(database->CommitWorkload(w));
  ASSERT_OK(database->CommitWorkload(other));
  ASSERT_OK(database->CommitRecords({RecordOf(w, 3, 1), RecordOf(w, 1, 2), Failed(w, 3), RecordOf(w, 2, 4),
                                     RecordOf(w, 1, 5), RecordOf(other, 0.1, 6)}));
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
  TuningRecord imported = RecordOf(w, 0.5, 1), elsewhere = RecordOf(w, 0.6, 2, "e"), mine = RecordOf(w, 0.7, 3);
  TuningRecord counted = RecordOf(w, 0.1, 4), given_up = RecordOf(w, 0.2, 5);
  imported.trust = Trust::kImported;
  mine.pool = "p";
  mine.id = RecordId(mine);
  counted.run.metric = Metric::kInstructions;
  given_up.run.abandoned = true;
  ASSERT_OK(database->CommitRecords({imported, elsewhere, mine, counted, given_up, Failed(w, 6)}));
  RecordQuery query;
  query.key = w.keys[0];
  query.limit = 10;
  auto slots = [&] {
    std::vector<int> found;
    std::vector<TuningRecord> best = *database->Best(query);
    for (const TuningRecord& record : best) found.push_back(static_cast<int>(record.slot.slot));
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
  for (int i = 0; i < 25; ++i) records.push_back(i % 5 == 0 ? Failed(w, i) : RecordOf(w, 1, i));
  ASSERT_OK(database->CommitRecords(records));
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
  ASSERT_OK(database->CommitRecords({RecordOf(w, 1, 1), Failed(w, 2), Failed(w, 3)}));
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
  ASSERT_OK(database->CommitRecords({in_pool(RecordOf(a, 1, 1), "p"), in_pool(RecordOf(a, 2, 2), "q"),
                                     in_pool(RecordOf(b, 3, 3), "q"), in_pool(Failed(b, 4), "q")}));
  ASSERT_OK(database->AddToPool(c.id, "p"));
  EXPECT_STATUS(database->AddToPool(Sha256("x"), "p"), absl::StatusCode::kFailedPrecondition, "was not committed");

  RecordPageRequest page;
  page.pools = {"p"};
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
  ASSERT_OK(database->CommitRecords({for_target(RecordOf(w, 3, 1, "d"), "t"), for_target(RecordOf(w, 1, 2, "e"), "t"),
                                     for_target(RecordOf(w, 2, 3, "e"), "u"),
                                     for_target(RecordOf(other, 1, 4, "f"), "t"), Failed(w, 5)}));
  RecordQuery query;
  query.key = w.keys[0];
  query.limit = 10;
  EXPECT_EQ(*database->DevicesOf(query), (std::vector<DeviceTarget>{{"d", "t"}, {"e", "t"}, {"e", "u"}}));
  auto slots = [&] {
    std::vector<int> found;
    std::vector<TuningRecord> best = *database->Best(query);
    for (const TuningRecord& record : best) found.push_back(static_cast<int>(record.slot.slot));
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
  EXPECT_TRUE(database->DevicesOf(query)->empty());
}

TEST_P(DatabaseSuite, EqualWorkloadsAreOneGroupAndTiesKeepTheirOrder) {
  auto database = Open();
  Workload a = WorkloadFromScript("a"), b = WorkloadFromScript("b");
  b.keys[2] = a.keys[2];  // Equal in the anchor block only.
  ASSERT_OK(database->CommitWorkload(a));
  ASSERT_OK(database->CommitWorkload(b));
  ASSERT_OK(database->CommitRecords({RecordOf(b, 1, 1), RecordOf(a, 1, 2), RecordOf(b, 1, 3), RecordOf(a, 0.5, 4)}));
  RecordQuery query;
  query.equality = ModuleEquality::kAnchorBlock;
  query.key = a.keys[2];
  query.limit = 3;
  std::vector<TuningRecord> best = *database->Best(query);
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
  std::vector<TuningRecord> records = {RecordOf(w, 1, 1), Failed(other, 20)};
  for (int i = 2; i < 8; ++i) records.push_back(Failed(w, i));  // Created at 1'700'000'000 + i.
  TuningRecord live = Failed(w, 8);
  live.slot.job_id = "live";
  live.id = RecordId(live);
  live.created = absl::FromUnixSeconds(1);
  records.push_back(live);
  ASSERT_OK(database->CommitRecords(records));
  FailureRetention retention;
  retention.per_workload = 4;  // Of w: live and 5, 6, 7 at most.
  retention.max_age = absl::Seconds(100);
  retention.live_jobs = {"live"};
  retention.limit = 2;
  const absl::Time now = absl::FromUnixSeconds(1'700'000'106);  // What is younger than 6 is not too old.
  absl::StatusOr<int64_t> gone = database->TrimFailures(retention, now);
  if (absl::IsUnimplemented(gone.status())) GTEST_SKIP() << gone.status();
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
    records.push_back(i % 7 == 0 ? Failed(w, i) : RecordOf(w, 1 + i % 13, i, i % 2 ? "tab\there \\ \"quoted\"" : "e"));
  }
  ASSERT_OK(database->CommitRecords({records[3], records[10]}));
  EXPECT_EQ(*database->CommitRecords(records), 598);
  EXPECT_EQ(*database->CommitRecords(records), 0);
  EXPECT_EQ(*database->Size(), 600);
  EXPECT_EQ(RecordToJson(*database->FindRecord(records[599].id.Hex())), RecordToJson(records[599]));
  EXPECT_EQ(RecordToJson(*database->FindRecord(records[7].id.Hex())), RecordToJson(records[7]));
  EXPECT_EQ(database->Stats({})->by_failure["crash"], 86);
}

TEST_P(DatabaseSuite, PrunedKeepsTheBestOfEachWorkload) {
  auto database = Open();
  MemoryDatabase pruned;
  Workload a = WorkloadFromScript("a"), b = WorkloadFromScript("b");
  ASSERT_OK(database->CommitWorkload(a));
  ASSERT_OK(database->CommitWorkload(b));
  ASSERT_OK(database->CommitRecords({RecordOf(a, 2, 1), RecordOf(a, 1, 2), Failed(b, 3)}));
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
    ASSERT_OK(database->CommitRecords({parsed.record}));
    EXPECT_EQ(TvmRecordLine(0, *database->FindRecord(parsed.record.id.Hex())), line);
  }
  EXPECT_EQ(database->GetTopK(w, 10)->size(), 1);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, DatabaseSuite,
    ::testing::Values(Kind{"memory", [](Folder&, ModuleEquality e) { return std::make_unique<MemoryDatabase>(e); }},
                      Kind{"json",
                           [](Folder& folder, ModuleEquality e) -> std::unique_ptr<Database> {
                             auto database = JsonDatabase::Open(folder.path_, {.equality = e, .codec = {}});
                             EXPECT_OK(database.status());
                             return *std::move(database);
                           }},
                      Kind{"postgres",
                           [](Folder&, ModuleEquality e) -> std::unique_ptr<Database> {
                             std::string url = testing::SharedCluster().NewDatabase();
                             EXPECT_OK(MigratePostgres(url));
                             EXPECT_OK(MigratePostgres(url));  // A second time changes nothing.
                             return std::make_unique<PostgresDatabase>(url, e);
                           }},
                      // As a role that owns nothing.
                      Kind{"postgres_server_role",
                           [](Folder&, ModuleEquality e) -> std::unique_ptr<Database> {
                             std::string owner = testing::SharedCluster().NewDatabase();
                             EXPECT_OK(MigratePostgres(owner));
                             std::string url = testing::SharedCluster().AsRole(owner, "hone_server");
                             EXPECT_OK(GrantToServer(owner, "hone_server"));
                             EXPECT_OK(MigratePostgres(url));  // Checks, and finds all steps there.
                             return std::make_unique<PostgresDatabase>(url, e);
                           }}),
    [](const auto& info) { return std::string(info.param.name); });

// --- Only of the json kind.

TEST(JsonDatabaseTest, EverythingIsThereAfterOpeningAgain) {
  Folder folder;
  Workload w = WorkloadFromScript("w", "name");
  TuningRecord record = RecordOf(w, 1, 1), failed = Failed(w, 2);
  {
    auto database = *JsonDatabase::Open(folder.path_, {});
    ASSERT_OK(database->CommitWorkload(w));
    ASSERT_OK(database->CommitRecords({record, failed}));
  }
  auto database = *JsonDatabase::Open(folder.path_, {});
  EXPECT_TRUE(database->warnings().empty());
  EXPECT_EQ(RecordToJson(*database->FindRecord(record.id.Hex())), RecordToJson(record));
  EXPECT_EQ(RecordToJson(*database->FindRecord(failed.id.Hex())), RecordToJson(failed));
  EXPECT_EQ((**database->FindWorkload(w.id)).name, "name");
}

TEST(JsonDatabaseTest, ASecondWriterIsToldWhoHoldsTheFolder) {
  Folder folder;
  auto first = *JsonDatabase::Open(folder.path_, {});
  EXPECT_STATUS(JsonDatabase::Open(folder.path_, {}).status(), absl::StatusCode::kFailedPrecondition,
                StrCat("in use by process ", getpid()));
  EXPECT_OK(JsonDatabase::Open(folder.path_, {.codec = {}, .read_only = true}).status());
}

TEST(JsonDatabaseTest, ALineCutShortByACrashIsCutOff) {
  Folder folder;
  Workload w = WorkloadFromScript("w");
  {
    auto database = *JsonDatabase::Open(folder.path_, {});
    ASSERT_OK(database->CommitWorkload(w));
    ASSERT_OK(database->CommitRecords({RecordOf(w, 1, 1)}));
  }
  std::ofstream(folder.path_ + "/database_tuning_record.json", std::ios::app) << "[0,[[[";
  {
    auto database = *JsonDatabase::Open(folder.path_, {});
    EXPECT_EQ(*database->Size(), 1);
    ASSERT_OK(database->CommitRecords({RecordOf(w, 2, 2)}));
  }
  auto database = *JsonDatabase::Open(folder.path_, {});
  EXPECT_EQ(*database->Size(), 2);
  EXPECT_TRUE(database->warnings().empty());
}

TEST(JsonDatabaseTest, BadLinesArePassedOverAndNamed) {
  Folder folder;
  {
    auto database = *JsonDatabase::Open(folder.path_, {});
    ASSERT_OK(database->CommitWorkload(WorkloadFromScript("w")));
  }
  std::ofstream(folder.path_ + "/database_tuning_record.json", std::ios::app)
      << "[7,[[[],[]],null,null,null]]\nnonsense\n[0,[[[],[]],[0.5],null,null]]\n";
  auto database = *JsonDatabase::Open(folder.path_, {});
  EXPECT_EQ(*database->Size(), 1);
  ASSERT_EQ(database->warnings().size(), 2);
  EXPECT_NE(database->warnings()[0].find("line 1: workload 7"), std::string::npos);
  EXPECT_NE(database->warnings()[1].find("line 2"), std::string::npos);
}

TEST(JsonDatabaseTest, MissingFilesAreAnErrorWhenAskedFor) {
  EXPECT_STATUS(JsonDatabase::Open("/tmp/hone-no-such-folder", {.codec = {}, .allow_missing = false}).status(),
                absl::StatusCode::kNotFound, "File doesn't exist: /tmp/hone-no-such-folder/database_workload.json");
}

// --- Unions.

TEST(UnionDatabaseTest, TheBestOrTheFirstWins) {
  MemoryDatabase a, b, empty;
  Workload w = WorkloadFromScript("w");
  ASSERT_OK(a.CommitWorkload(w));
  ASSERT_OK(b.CommitWorkload(w));
  ASSERT_OK(a.CommitRecords({RecordOf(w, 2, 1)}));
  ASSERT_OK(b.CommitRecords({RecordOf(w, 1, 2)}));
  UnionDatabase best({&empty, &a, &b});
  OrderedUnionDatabase first({&empty, &a, &b});
  EXPECT_EQ((**best.QueryRecord(w, "", "main")).slot.slot, 2);
  EXPECT_EQ((**first.QueryRecord(w, "", "main")).slot.slot, 1);
  EXPECT_STATUS(best.Size(), absl::StatusCode::kUnimplemented, "only answers queries");
  ScheduleFnDatabase fn([](const Workload&, std::string_view name) -> absl::StatusOr<std::optional<std::string>> {
    if (name != "mine") return std::nullopt;
    return "[[],[]]";
  });
  EXPECT_EQ((**fn.QueryRecord(w, "", "mine")).trace_json, "[[],[]]");
  EXPECT_FALSE(fn.QueryRecord(w, "", "other")->has_value());
}

}  // namespace
}  // namespace hone
