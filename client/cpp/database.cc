#include "client/cpp/database.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "client/cpp/remote_database.h"
#include "common/script/workload_codec.h"
#include "common/support/check.h"
#include "common/support/log.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/database/json_database.h"
#include "server/database/memory_database.h"
#include "server/database/postgres_database.h"
#include "server/database/postgres_migrations.h"

namespace hone::meta_schedule {
namespace {

std::vector<Database*>& Scopes() {
  thread_local std::vector<Database*> scopes;
  return scopes;
}

ModuleEquality StoredEquality(ir::Equality equality) { return static_cast<ModuleEquality>(equality); }

}  // namespace

Database::Scope::Scope(Database& database) { Scopes().push_back(&database); }
Database::Scope::~Scope() {
  HONE_CHECK(!Scopes().empty());
  Scopes().pop_back();
}

Database* Database::Current() { return Scopes().empty() ? nullptr : Scopes().back(); }

absl::StatusOr<std::optional<TuningRecord>> Database::QueryTuningRecord(const ir::IRModule& mod, const Target&,
                                                                        std::string_view) {
  HONE_ASSIGN_OR_RETURN(const bool known, HasWorkload(mod));
  if (!known) return std::nullopt;
  HONE_ASSIGN_OR_RETURN(const Workload workload, CommitWorkload(mod));
  HONE_ASSIGN_OR_RETURN(std::vector<TuningRecord> best, GetTopK(workload, 1));
  if (best.empty()) return std::nullopt;
  return std::move(best[0]);
}

absl::StatusOr<std::optional<schedule::Schedule>> Database::QuerySchedule(const ir::IRModule& mod, const Target& target,
                                                                          std::string_view workload_name) {
  HONE_ASSIGN_OR_RETURN(const auto record, QueryTuningRecord(mod, target, workload_name));
  if (!record.has_value()) return std::nullopt;
  HONE_ASSIGN_OR_RETURN(schedule::Schedule sch, record->Replay());
  return sch;
}

absl::StatusOr<std::optional<ir::IRModule>> Database::QueryIrModule(const ir::IRModule& mod, const Target& target,
                                                                    std::string_view workload_name) {
  HONE_ASSIGN_OR_RETURN(const auto sch, QuerySchedule(mod, target, workload_name));
  if (!sch.has_value()) return std::nullopt;
  return sch->module();
}

absl::StatusOr<Database::QueryResult> Database::Query(const ir::IRModule& mod, const Target& target,
                                                      std::string_view workload_name, std::string_view kind) {
  if (kind == "schedule") {
    HONE_ASSIGN_OR_RETURN(auto sch, QuerySchedule(mod, target, workload_name));
    return sch.has_value() ? QueryResult(*std::move(sch)) : QueryResult();
  }
  if (kind == "record") {
    HONE_ASSIGN_OR_RETURN(auto record, QueryTuningRecord(mod, target, workload_name));
    return record.has_value() ? QueryResult(*std::move(record)) : QueryResult();
  }
  if (kind == "ir_module") {
    HONE_ASSIGN_OR_RETURN(auto module, QueryIrModule(mod, target, workload_name));
    return module.has_value() ? QueryResult(*std::move(module)) : QueryResult();
  }
  return absl::InvalidArgumentError(StrCat("query kind \"", kind, "\", expected schedule, record or ir_module"));
}

absl::Status Database::DumpPruned(Database& destination) {
  HONE_ASSIGN_OR_RETURN(const std::vector<TuningRecord> all, GetAllTuningRecords());
  absl::flat_hash_set<Digest> done;
  for (const TuningRecord& record : all) {
    if (!done.insert(record.workload.stored.id).second) continue;
    HONE_ASSIGN_OR_RETURN(std::vector<TuningRecord> best, GetTopK(record.workload, 1));
    if (best.empty()) continue;
    HONE_ASSIGN_OR_RETURN(best[0].workload, destination.CommitWorkload(record.workload.mod));
    HONE_RETURN_IF_ERROR(destination.CommitTuningRecord(best[0]));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<Database>> Database::Create(std::string_view kind, const Options& options) {
  const ModuleEquality equality = StoredEquality(options.module_equality);
  if (kind == "memory") return MakeStoredDatabase(std::make_unique<MemoryDatabase>(equality));
  if (kind == "json") {
    if (options.work_dir.empty()) return absl::InvalidArgumentError("database \"json\" needs a work_dir");
    JsonDatabaseOptions json;
    json.equality = equality;
    json.codec = script::GraphCodec();
    HONE_ASSIGN_OR_RETURN(std::unique_ptr<JsonDatabase> database, JsonDatabase::Open(options.work_dir, json));
    for (const std::string& warning : database->warnings()) HONE_LOG(kWarning) << warning;
    return MakeStoredDatabase(std::move(database));
  }
  if (kind == "postgres") {
    if (options.url.empty()) return absl::InvalidArgumentError("database \"postgres\" needs a url");
    HONE_RETURN_IF_ERROR(MigratePostgres(options.url));
    return MakeStoredDatabase(std::make_unique<PostgresDatabase>(options.url, equality));
  }
  if (kind == "remote") {
    if (options.server == nullptr) return absl::InvalidArgumentError("database \"remote\" needs a server");
    return MakeStoredDatabase(std::make_unique<RemoteDatabase>(options.server, equality));
  }
  return absl::InvalidArgumentError(
      StrCat("database \"", kind,
             "\", expected json, memory, postgres or remote (union, ordered_union and a callable have "
             "factories of their own)"));
}

}  // namespace hone::meta_schedule
