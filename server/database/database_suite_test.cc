// The suite for the kinds that live in this process or beside it, and what only some kinds have. The kind "remote" runs
// it in client/cpp:remote_database_test.
#include "server/database/testing/database_suite.h"

#include <gtest/gtest.h>

#include <fstream>

#include "common/record/record_json.h"
#include "common/support/status_matchers.h"
#include "common/support/strings.h"
#include "server/database/json_database.h"
#include "server/database/memory_database.h"
#include "server/database/postgres_database.h"
#include "server/database/postgres_migrations.h"
#include "server/database/testing/private_cluster.h"
#include "server/database/union_database.h"

namespace hone::testing {
namespace {

OpenedDatabase Plain(std::unique_ptr<Database> database) { return {nullptr, std::move(database), nullptr}; }

INSTANTIATE_TEST_SUITE_P(
    Kinds, DatabaseSuite,
    ::testing::Values(DatabaseKind{"memory",
                                   [](const std::string&, ModuleEquality e) {
                                     return Plain(std::make_unique<MemoryDatabase>(e));
                                   }},
                      DatabaseKind{"json",
                                   [](const std::string& folder, ModuleEquality e) {
                                     auto database = JsonDatabase::Open(folder, {.equality = e, .codec = {}});
                                     EXPECT_OK(database.status());
                                     return Plain(*std::move(database));
                                   }},
                      DatabaseKind{"postgres",
                                   [](const std::string&, ModuleEquality e) {
                                     std::string url = SharedCluster().NewDatabase();
                                     EXPECT_OK(MigratePostgres(url));
                                     EXPECT_OK(MigratePostgres(url));  // A second time changes nothing.
                                     return Plain(std::make_unique<PostgresDatabase>(url, e));
                                   }},
                      // As a role that owns nothing.
                      DatabaseKind{"postgres_server_role",
                                   [](const std::string&, ModuleEquality e) {
                                     std::string owner = SharedCluster().NewDatabase();
                                     EXPECT_OK(MigratePostgres(owner));
                                     std::string url = SharedCluster().AsRole(owner, "hone_server");
                                     EXPECT_OK(GrantToServer(owner, "hone_server"));
                                     EXPECT_OK(MigratePostgres(url));  // Checks, and finds all steps there.
                                     return Plain(std::make_unique<PostgresDatabase>(url, e));
                                   }}),
    [](const auto& info) { return std::string(info.param.name); });

// --- Only of the json kind.

TEST(JsonDatabaseTest, EverythingIsThereAfterOpeningAgain) {
  TemporaryFolder folder;
  Workload w = WorkloadFromScript("w", "name");
  TuningRecord record = SuiteRecord(w, 1, 1), failed = SuiteFailure(w, 2);
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
  TemporaryFolder folder;
  auto first = *JsonDatabase::Open(folder.path_, {});
  EXPECT_STATUS(JsonDatabase::Open(folder.path_, {}).status(), absl::StatusCode::kFailedPrecondition,
                StrCat("in use by process ", getpid()));
  EXPECT_OK(JsonDatabase::Open(folder.path_, {.codec = {}, .read_only = true}).status());
}

TEST(JsonDatabaseTest, ALineCutShortByACrashIsCutOff) {
  TemporaryFolder folder;
  Workload w = WorkloadFromScript("w");
  {
    auto database = *JsonDatabase::Open(folder.path_, {});
    ASSERT_OK(database->CommitWorkload(w));
    ASSERT_OK(database->CommitRecords({SuiteRecord(w, 1, 1)}));
  }
  std::ofstream(folder.path_ + "/database_tuning_record.json", std::ios::app) << "[0,[[[";
  {
    auto database = *JsonDatabase::Open(folder.path_, {});
    EXPECT_EQ(*database->Size(), 1);
    ASSERT_OK(database->CommitRecords({SuiteRecord(w, 2, 2)}));
  }
  auto database = *JsonDatabase::Open(folder.path_, {});
  EXPECT_EQ(*database->Size(), 2);
  EXPECT_TRUE(database->warnings().empty());
}

TEST(JsonDatabaseTest, BadLinesArePassedOverAndNamed) {
  TemporaryFolder folder;
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
  ASSERT_OK(a.CommitRecords({SuiteRecord(w, 2, 1)}));
  ASSERT_OK(b.CommitRecords({SuiteRecord(w, 1, 2)}));
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
}  // namespace hone::testing
