#include "server/database/postgres_migrations.h"

#include <pqxx/pqxx>
#include <set>
#include <sstream>

#include "common/support/sha256.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/database/postgres_pool.h"
#include "server/database/postgres_schema.h"

namespace hone {
namespace {

// Every table's columns and indexes, a line each.
std::set<std::string> ShapeOf(pqxx::transaction_base& work) {
  std::set<std::string> lines;
  for (const auto& row : work.exec("SELECT a.attrelid::regclass::text || ' ' || a.attname || ' ' || "
                                   "format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' not null' "
                                   "ELSE '' END FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
                                   "WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' "
                                   "AND a.attnum > 0 AND NOT a.attisdropped "
                                   "UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema()")) {
    lines.insert(row[0].c_str());
  }
  return lines;
}

std::string Joined(const std::set<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) StrAppend(&text, line, "\n");
  return text;
}

absl::Status Tampered(std::string_view what) {
  return absl::FailedPreconditionError(
      StrCat("the database's schema is not what its migrations made: ", what, "; restore it, or start from a backup"));
}

absl::Status CheckStep(int step, const std::string& digest) {
  const std::string expected = Sha256(SchemaSteps()[step - 1].sql).Hex();
  if (digest.empty() || digest == expected) return absl::OkStatus();
  return Tampered(
      StrCat("step ", step, " has the digest ", digest.substr(0, 12), ", this program's has ", expected.substr(0, 12)));
}

// More than the migrations made may be there: an operator's own index is no harm.
absl::Status CheckShape(pqxx::transaction_base& work, const std::string& recorded) {
  const std::set<std::string> actual = ShapeOf(work);
  std::istringstream lines(recorded);
  for (std::string line; std::getline(lines, line);) {
    if (!actual.contains(line)) return Tampered(StrCat("missing: ", line));
  }
  return absl::OkStatus();
}

bool TableExists(pqxx::transaction_base& work) { return !work.exec1("SELECT to_regclass('migrations')")[0].is_null(); }

bool MayMigrate(pqxx::transaction_base& work) {
  return work
      .exec1(
          "SELECT has_schema_privilege(current_schema(), 'CREATE') AND coalesce(pg_has_role((SELECT relowner "
          "FROM pg_class WHERE oid = to_regclass('migrations')), 'MEMBER'), true)")[0]
      .as<bool>();
}

// The last step, after checking every one that is there.
absl::StatusOr<int> CheckedStep(pqxx::transaction_base& work, int newest) {
  if (!TableExists(work)) return 0;
  const bool recorded = !work.exec(
                                 "SELECT FROM pg_attribute WHERE attrelid = to_regclass('migrations') AND attname = "
                                 "'digest' AND NOT attisdropped")
                             .empty();
  pqxx::result rows = work.exec(recorded ? "SELECT step, digest, shape FROM migrations ORDER BY step"
                                         : "SELECT step, '', '' FROM migrations ORDER BY step");
  int step = 0;
  for (const auto& row : rows) {
    if (row[0].as<int>() != ++step) return Tampered(StrCat("step ", step, " is not recorded"));
    if (step <= newest) HONE_RETURN_IF_ERROR(CheckStep(step, row[1].c_str()));
  }
  if (step > newest) {
    return absl::FailedPreconditionError(
        StrCat("the database is at step ", step, ", this program knows ", newest, ": use the newer hone-server"));
  }
  if (step > 0) HONE_RETURN_IF_ERROR(CheckShape(work, rows[rows.size() - 1][2].c_str()));
  return step;
}

absl::Status RunStep(pqxx::transaction_base& work, int step) {
  const SchemaStep& todo = SchemaSteps()[step - 1];
  work.exec(todo.sql);
  if (todo.move_rows != nullptr) HONE_RETURN_IF_ERROR(todo.move_rows(work));
  work.exec_params("INSERT INTO migrations (step, digest, shape) VALUES ($1, $2, $3)", step, Sha256(todo.sql).Hex(),
                   Joined(ShapeOf(work)));
  return absl::OkStatus();
}

}  // namespace

absl::Status MigratePostgres(const std::string& url, int up_to) {
  const int newest = up_to > 0 ? up_to : static_cast<int>(SchemaSteps().size());
  PostgresConnection connection(url);
  return connection.Run([&](pqxx::transaction_base& work) -> absl::Status {
    work.exec("SELECT pg_advisory_xact_lock(7237001)");  // One server migrates at a time.
    HONE_ASSIGN_OR_RETURN(int step, CheckedStep(work, newest));
    if (step == newest) return absl::OkStatus();
    if (!MayMigrate(work)) {
      return absl::FailedPreconditionError(StrCat("the database is at step ", step, ", this program needs ", newest,
                                                  ", and this role may not change it: run hone-server migrate as the "
                                                  "owner of the tables"));
    }
    work.exec(
        "CREATE TABLE IF NOT EXISTS migrations (step integer PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())");
    work.exec(
        "ALTER TABLE migrations ADD COLUMN IF NOT EXISTS digest text NOT NULL DEFAULT '', "
        "ADD COLUMN IF NOT EXISTS shape text NOT NULL DEFAULT ''");
    while (step < newest) HONE_RETURN_IF_ERROR(RunStep(work, ++step));
    return absl::OkStatus();
  });
}

absl::Status GrantToServer(const std::string& owner_url, std::string_view role) {
  PostgresConnection connection(owner_url);
  return connection.Run([&](pqxx::transaction_base& work) -> absl::Status {
    if (work.exec_params("SELECT FROM pg_roles WHERE rolname = $1", std::string(role)).empty()) {
      return absl::NotFoundError(StrCat("no PostgreSQL role \"", role, "\": CREATE ROLE it first"));
    }
    const std::string to = " TO " + work.quote_name(std::string(role));
    work.exec("GRANT USAGE ON SCHEMA " + work.quote_name(work.exec1("SELECT current_schema()")[0].c_str()) + to);
    work.exec("GRANT SELECT ON migrations" + to);
    work.exec("GRANT SELECT, UPDATE (epoch) ON leader" + to);
    work.exec(
        "GRANT SELECT, INSERT ON workloads, skeletons, search_skeletons, contexts, shelves, job_names, "
        "workload_pools, rounds, records, record_counts, jobs" +
        to);
    work.exec("GRANT UPDATE (state, reason, report, ended) ON jobs" + to);
    work.exec("GRANT DELETE ON records, record_counts" + to);
    work.exec("GRANT INSERT ON audit" + to);
    work.exec(
        "GRANT USAGE ON SEQUENCE workloads_no_seq, skeletons_no_seq, contexts_no_seq, shelves_no_seq, "
        "job_names_no_seq, records_seq_seq, audit_seq_seq" +
        to);
    return absl::OkStatus();
  });
}

}  // namespace hone
