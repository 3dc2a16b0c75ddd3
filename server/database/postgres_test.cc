// What only the database in PostgreSQL has: migrations that are checked, a role without ownership, plans.
#include <gtest/gtest.h>

#include <pqxx/pqxx>

#include "common/record/record_json.h"
#include "common/support/status_matchers.h"
#include "common/support/strings.h"
#include "common/wire/records_wire.h"
#include "server/database/postgres_best.h"
#include "server/database/postgres_database.h"
#include "server/database/postgres_migrations.h"
#include "server/database/postgres_pool.h"
#include "server/database/testing/private_cluster.h"

namespace hone {
namespace {

std::string NewDatabase() { return testing::SharedCluster().NewDatabase(); }

void Exec(const std::string& url, const std::string& sql) {
  pqxx::connection connection(url);
  pqxx::work work(connection);
  work.exec(sql);
  work.commit();
}

// Empty when it was allowed.
std::string Refused(const std::string& url, const std::string& sql) {
  try {
    Exec(url, sql);
    return "";
  } catch (const pqxx::sql_error& error) {
    return error.what();
  }
}

TuningRecord RecordOf(const Workload& workload, double median, uint32_t slot, std::string device) {
  TuningRecord record;
  record.workload_id = workload.id;
  record.trace_json = R"([[["GetBlock",[],["C","main"],["b0"]]],[[0,[8,1]]]])";
  record.target_json = R"({"kind":"llvm"})";
  record.run.median = median;
  record.run.samples = {median};
  record.trust = Trust::kVerified;
  record.device.device_class = std::move(device);
  record.slot = {"job", 0, 0, slot};
  record.id = RecordId(record);
  return record;
}

TEST(MigrationsTest, AStepThatWasChangedIsRefused) {
  const std::string url = NewDatabase();
  ASSERT_OK(MigratePostgres(url));
  Exec(url, "UPDATE migrations SET digest = repeat('0', 64) WHERE step = 1");
  EXPECT_STATUS(MigratePostgres(url), absl::StatusCode::kFailedPrecondition, "step 1 has the digest 000000000000");
}

TEST(MigrationsTest, WhatSomebodyTookAwayIsNamed) {
  const std::string url = NewDatabase();
  ASSERT_OK(MigratePostgres(url));
  Exec(url, "CREATE INDEX my_own ON records (created)");
  EXPECT_OK(MigratePostgres(url));  // More is no harm.
  Exec(url, "DROP INDEX records_best");
  EXPECT_STATUS(MigratePostgres(url), absl::StatusCode::kFailedPrecondition, "missing: CREATE INDEX records_best");
  const std::string other = NewDatabase();
  ASSERT_OK(MigratePostgres(other));
  Exec(other, "ALTER TABLE jobs DROP COLUMN reason");
  EXPECT_STATUS(MigratePostgres(other), absl::StatusCode::kFailedPrecondition, "missing: jobs reason text");
}

TEST(MigrationsTest, ANewerAndAHoledDatabaseAreRefused) {
  const std::string url = NewDatabase();
  ASSERT_OK(MigratePostgres(url));
  Exec(url, "INSERT INTO migrations (step) SELECT max(step) + 1 FROM migrations");
  EXPECT_STATUS(MigratePostgres(url), absl::StatusCode::kFailedPrecondition, "use the newer hone-server");
  Exec(url, "DELETE FROM migrations WHERE step = 1");
  EXPECT_STATUS(MigratePostgres(url), absl::StatusCode::kFailedPrecondition, "step 1 is not recorded");
}

// As the first release stored a record: everything but ids and trace in one message.
std::string FirstDetail(const TuningRecord& record, const std::string& decisions) {
  v1::TuningRecord proto = ToProto(record);
  proto.clear_id();
  proto.clear_workload_id();
  proto.clear_trace_json();
  proto.set_decisions_json(decisions);
  return PgBytes(proto.SerializeAsString());
}

TEST(MigrationsTest, TheFirstReleasesRecordsAreMoved) {
  const std::string url = NewDatabase();
  ASSERT_OK(MigratePostgres(url, /*up_to=*/1));
  const Workload w = WorkloadFromScript("w");
  const TuningRecord old = RecordOf(w, 0.5, 7, "d");
  Exec(url, StrCat("INSERT INTO workloads (id, script, key_structural, key_ignore_ndarray, key_anchor_block, name, "
                   "flops) VALUES ('",
                   PgBytes(w.id), "', 'w', '", PgBytes(w.keys[0]), "', '", PgBytes(w.keys[1]), "', '",
                   PgBytes(w.keys[2]), "', '', 0)"));
  Exec(url, R"(INSERT INTO skeletons (id, json) VALUES ('\x01', '[[["GetBlock",[],["C","main"],["b0"]]],[]]'))");
  Exec(url, StrCat("INSERT INTO records (id, workload, skeleton, job_id, trust, metric, median, mean, valid, "
                   "device_class, pool, created, detail) VALUES ('",
                   PgBytes(old.id), "', 1, 1, 'job', 0, 0, 0.5, 0.5, true, 'd', '', 0, '",
                   FirstDetail(old, "[[0,[8,1]]]"), "')"));
  ASSERT_OK(MigratePostgres(url));
  PostgresDatabase database(url, ModuleEquality::kStructural);
  ASSERT_OK_AND_ASSIGN(TuningRecord record, database.FindRecord(old.id.Hex()));
  EXPECT_EQ(RecordToJson(record), RecordToJson(old));
  EXPECT_EQ(*database.Size(), 1);
  RecordQuery query;
  query.key = w.keys[0];
  query.device_class = "d";
  EXPECT_EQ(database.Best(query)->size(), 1);
  EXPECT_EQ(*database.CommitRecords({RecordOf(w, 1, 1, "d")}), 1);
}

TEST(ServerRoleTest, MayDoItsWorkAndNoMore) {
  const std::string owner = NewDatabase();
  const std::string server = testing::SharedCluster().AsRole(owner, "hone_server");
  EXPECT_STATUS(MigratePostgres(server), absl::StatusCode::kFailedPrecondition, "run hone-server migrate");
  ASSERT_OK(MigratePostgres(owner));
  EXPECT_STATUS(GrantToServer(owner, "nobody_here"), absl::StatusCode::kNotFound, "no PostgreSQL role");
  ASSERT_OK(GrantToServer(owner, "hone_server"));
  EXPECT_OK(MigratePostgres(server));
  for (const char* sql :
       {"DROP TABLE records", "TRUNCATE records", "UPDATE records SET median = 0", "UPDATE workloads SET script = ''",
        "DELETE FROM workloads", "DELETE FROM jobs", "UPDATE jobs SET tenant = 'me'", "SELECT * FROM audit",
        "DELETE FROM audit", "UPDATE audit SET identity = 'another'", "UPDATE migrations SET digest = ''",
        "ALTER TABLE records ADD COLUMN x int", "CREATE TABLE mine (x int)", "CREATE INDEX i ON records (created)"}) {
    EXPECT_NE(Refused(server, sql), "") << sql << " was allowed";
  }
}

// The bar: the best of (grouping key, device class, metric) come from one probe of one index.
TEST(PlanTest, TheBestAreOneProbeOfOneIndex) {
  const std::string url = NewDatabase();
  ASSERT_OK(MigratePostgres(url));
  PostgresDatabase database(url, ModuleEquality::kStructural);
  std::vector<TuningRecord> records;
  for (int w = 0; w < 5; ++w) {
    const Workload workload = WorkloadFromScript(StrCat("w", w));
    ASSERT_OK(database.CommitWorkload(workload));
    for (uint32_t i = 0; i < 600; ++i) {
      records.push_back(RecordOf(workload, 1 + i * 37 % 600, w * 1000 + i, i % 3 ? "d" : "e"));
    }
  }
  ASSERT_OK(database.CommitRecords(records));
  Exec(url, "ANALYZE");
  pqxx::connection connection(url);
  pqxx::work work(connection);
  std::string plan;
  work.exec("SET plan_cache_mode = force_generic_plan");
  work.exec("PREPARE best (int, smallint, smallint[], text[], int, text, text, text[], text[]) AS " +
            PostgresBestSql({.device_class = true}));
  const std::string group = work.exec1(StrCat("SELECT group_no FROM workloads WHERE key_structural = '",
                                              PgBytes(WorkloadFromScript("w3").keys[0]), "'"))[0]
                                .c_str();
  for (const auto& row : work.exec(StrCat("EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) EXECUTE best (", group,
                                          ", 0, '{0}', '{}', 5, 'd', '', '{}', '{}')"))) {
    plan += std::string(row[0].c_str()) + "\n";
  }
  // The probe: five rows in order of time, nothing thrown away.
  const size_t probe = plan.find("using records_best");
  ASSERT_NE(probe, std::string::npos) << plan;
  const std::string rest = plan.substr(probe, plan.find("->", probe) - probe);
  EXPECT_NE(rest.find("(actual rows=6 loops=1)"), std::string::npos) << plan;
  EXPECT_NE(rest.find("(group_no ="), std::string::npos) << plan;
  EXPECT_NE(rest.find("(shelf ="), std::string::npos) << plan;
  EXPECT_EQ(rest.find("Rows Removed"), std::string::npos) << plan;
  EXPECT_EQ(plan.find("Seq Scan on records"), std::string::npos) << plan;
}

}  // namespace
}  // namespace hone
