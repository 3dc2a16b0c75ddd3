#include "server/database/postgres_database.h"

#include <pqxx/pqxx>
#include <utility>

#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/database/postgres_records.h"

namespace hone {
namespace {

std::string KeyColumn(ModuleEquality equality) {
  switch (equality) {
    case ModuleEquality::kStructural:
      return "key_structural";
    case ModuleEquality::kIgnoreNdarray:
      return "key_ignore_ndarray";
    case ModuleEquality::kAnchorBlock:
      return "key_anchor_block";
  }
  return "";
}

absl::StatusOr<std::vector<TuningRecord>> RecordsOf(const pqxx::result& rows) {
  std::vector<TuningRecord> records;
  for (const auto& row : rows) {
    HONE_ASSIGN_OR_RETURN(TuningRecord record, RecordOf(row));
    records.push_back(std::move(record));
  }
  return records;
}

// The numbers of the workloads with this key, as an array literal.
std::string WorkloadNumbers(pqxx::transaction_base& work, ModuleEquality equality, const Digest& key) {
  PgArray numbers;
  pqxx::result rows =
      work.exec_params("SELECT no FROM workloads WHERE " + KeyColumn(equality) + " = $1::bytea", PgBytes(key));
  for (const auto& row : rows) numbers.Add(row[0].c_str());
  return numbers.text();
}

template <typename T>
std::string ArrayOfEnums(const std::vector<T>& values) {
  PgArray array;
  for (T value : values) array.Add(StrCat(static_cast<int>(value)));
  return array.text();
}

}  // namespace

absl::StatusOr<bool> PostgresDatabase::HasWorkload(const Workload& workload) {
  HONE_ASSIGN_OR_RETURN(std::optional<Workload> found, FindWorkloadByKey(equality_, workload.key(equality_)));
  return found.has_value();
}

absl::StatusOr<Workload> PostgresDatabase::CommitWorkload(const Workload& workload) {
  HONE_ASSIGN_OR_RETURN(std::optional<Workload> equal, FindWorkloadByKey(equality_, workload.key(equality_)));
  if (equal) return *std::move(equal);
  HONE_RETURN_IF_ERROR(pool_.Run([&](pqxx::transaction_base& work) -> absl::Status {
    if (check_write_) HONE_RETURN_IF_ERROR(check_write_(work));
    return InsertWorkloads(work, absl::MakeConstSpan(&workload, 1));
  }));
  return workload;
}

absl::StatusOr<std::optional<Workload>> PostgresDatabase::FindWorkload(const Digest& id) {
  std::optional<Workload> found;
  HONE_RETURN_IF_ERROR(pool_.Run([&](pqxx::transaction_base& work) -> absl::Status {
    pqxx::result rows = work.exec_params(std::string(kSelectWorkload) + "WHERE id = $1::bytea", PgBytes(id));
    if (rows.empty()) return absl::OkStatus();
    HONE_ASSIGN_OR_RETURN(found, WorkloadOf(rows[0]));
    return absl::OkStatus();
  }));
  return found;
}

absl::StatusOr<std::optional<Workload>> PostgresDatabase::FindWorkloadByKey(ModuleEquality equality,
                                                                            const Digest& key) {
  std::optional<Workload> found;
  HONE_RETURN_IF_ERROR(pool_.Run([&](pqxx::transaction_base& work) -> absl::Status {
    pqxx::result rows = work.exec_params(
        StrCat(kSelectWorkload, "WHERE ", KeyColumn(equality), " = $1::bytea ORDER BY no LIMIT 1"), PgBytes(key));
    if (rows.empty()) return absl::OkStatus();
    HONE_ASSIGN_OR_RETURN(found, WorkloadOf(rows[0]));
    return absl::OkStatus();
  }));
  return found;
}

absl::StatusOr<std::vector<Workload>> PostgresDatabase::GetAllWorkloads() {
  std::vector<Workload> workloads;
  HONE_RETURN_IF_ERROR(pool_.Run([&](pqxx::transaction_base& work) -> absl::Status {
    workloads.clear();
    for (const auto& row : work.exec(std::string(kSelectWorkload) + "ORDER BY no")) {
      HONE_ASSIGN_OR_RETURN(Workload workload, WorkloadOf(row));
      workloads.push_back(std::move(workload));
    }
    return absl::OkStatus();
  }));
  return workloads;
}

absl::StatusOr<int64_t> PostgresDatabase::CommitRecords(absl::Span<const TuningRecord> records) {
  int64_t inserted = 0;
  HONE_RETURN_IF_ERROR(pool_.Run([&](pqxx::transaction_base& work) -> absl::Status {
    if (check_write_) HONE_RETURN_IF_ERROR(check_write_(work));
    HONE_ASSIGN_OR_RETURN(inserted, InsertRecords(work, records));
    return absl::OkStatus();
  }));
  return inserted;
}

absl::StatusOr<std::vector<TuningRecord>> PostgresDatabase::GetTopK(const Workload& workload, int k) {
  if (k < 0) return absl::InvalidArgumentError("top_k must be non-negative");
  std::vector<TuningRecord> top;
  HONE_RETURN_IF_ERROR(pool_.Run([&](pqxx::transaction_base& work) -> absl::Status {
    pqxx::result rows = work.exec_params(
        StrCat(kSelectRecord, "WHERE r.workload = ANY ($1::int[]) AND r.valid ORDER BY r.mean, r.seq LIMIT $2"),
        WorkloadNumbers(work, equality_, workload.key(equality_)), k);
    HONE_ASSIGN_OR_RETURN(top, RecordsOf(rows));
    return absl::OkStatus();
  }));
  return top;
}

absl::StatusOr<std::vector<TuningRecord>> PostgresDatabase::GetAllRecords() {
  std::vector<TuningRecord> all;
  RecordPageRequest request;
  request.limit = 10'000;
  do {
    HONE_ASSIGN_OR_RETURN(RecordPage page, ListRecords(request));
    std::move(page.records.begin(), page.records.end(), std::back_inserter(all));
    request.after = page.cursor;
  } while (request.after != 0);
  return all;
}

absl::StatusOr<int64_t> PostgresDatabase::Size() {
  int64_t size = 0;
  HONE_RETURN_IF_ERROR(pool_.Run([&](pqxx::transaction_base& work) {
    size = work.exec1("SELECT count(*) FROM records")[0].as<int64_t>();
    return absl::OkStatus();
  }));
  return size;
}

absl::StatusOr<std::vector<TuningRecord>> PostgresDatabase::Best(const RecordQuery& query) {
  std::vector<TuningRecord> best;
  PgArray pools;
  for (const std::string& pool : query.pools) pools.Add(pool);
  HONE_RETURN_IF_ERROR(pool_.Run([&](pqxx::transaction_base& work) -> absl::Status {
    std::string sql =
        StrCat(kSelectRecord,
               "WHERE r.workload = ANY ($1::int[]) AND r.metric = $2 AND r.median IS NOT NULL "
               "AND r.trust = ANY ($3::smallint[]) AND ($4::text[] = '{}' OR r.pool = ANY ($4::text[])) ");
    if (!query.device_class.empty()) sql += "AND r.device_class = " + work.quote(query.device_class) + " ";
    sql += "ORDER BY r.median, r.seq";
    if (query.target_json.empty()) StrAppend(&sql, " LIMIT ", query.limit);
    pqxx::result rows = work.exec_params(sql, WorkloadNumbers(work, query.equality, query.key),
                                         static_cast<int>(query.metric), ArrayOfEnums(query.trust), pools.text());
    HONE_ASSIGN_OR_RETURN(best, RecordsOf(rows));
    return absl::OkStatus();
  }));
  if (!query.target_json.empty()) {
    std::erase_if(best, [&](const TuningRecord& record) { return record.target_json != query.target_json; });
    if (static_cast<int>(best.size()) > query.limit) best.resize(query.limit);
  }
  return best;
}

absl::StatusOr<TuningRecord> PostgresDatabase::FindRecord(std::string_view prefix) {
  std::string low(prefix), high(prefix);
  low.resize(64, '0');
  high.resize(64, 'f');
  Digest from, to;
  if (prefix.size() < 4 || prefix.size() > 64 || !Digest::FromHex(low, from) || !Digest::FromHex(high, to)) {
    return absl::InvalidArgumentError(StrCat("record id \"", prefix, "\" is not 4 to 64 hexadecimal digits"));
  }
  std::vector<TuningRecord> found;
  HONE_RETURN_IF_ERROR(pool_.Run([&](pqxx::transaction_base& work) -> absl::Status {
    pqxx::result rows = work.exec_params(StrCat(kSelectRecord, "WHERE r.id BETWEEN $1::bytea AND $2::bytea LIMIT 2"),
                                         PgBytes(from), PgBytes(to));
    HONE_ASSIGN_OR_RETURN(found, RecordsOf(rows));
    return absl::OkStatus();
  }));
  if (found.empty()) return absl::NotFoundError(StrCat("no record ", prefix));
  if (found.size() > 1) return absl::InvalidArgumentError(StrCat("several records start with ", prefix));
  return std::move(found[0]);
}

absl::StatusOr<RecordPage> PostgresDatabase::ListRecords(const RecordPageRequest& request) {
  RecordPage page;
  HONE_RETURN_IF_ERROR(pool_.Run([&](pqxx::transaction_base& work) -> absl::Status {
    std::string sql = StrCat(kSelectRecord, "WHERE r.seq > $1 ");
    if (!request.job_id.empty()) sql += "AND r.job_id = " + work.quote(request.job_id) + " ";
    if (request.workload_id != Digest{}) sql += "AND w.id = '" + PgBytes(request.workload_id) + "'::bytea ";
    if (!request.include_failed) sql += "AND r.failure IS NULL ";
    pqxx::result rows =
        work.exec_params(sql + "ORDER BY r.seq LIMIT $2", static_cast<int64_t>(request.after), request.limit);
    HONE_ASSIGN_OR_RETURN(page.records, RecordsOf(rows));
    bool full = static_cast<int>(rows.size()) == request.limit;
    page.cursor = full && !rows.empty() ? rows[rows.size() - 1][4].as<uint64_t>() : 0;
    return absl::OkStatus();
  }));
  return page;
}

absl::StatusOr<DatabaseStats> PostgresDatabase::Stats() {
  DatabaseStats stats;
  HONE_RETURN_IF_ERROR(pool_.Run([&](pqxx::transaction_base& work) {
    stats = DatabaseStats{};
    stats.workloads = work.exec1("SELECT count(*) FROM workloads")[0].as<int64_t>();
    for (const auto& row : work.exec("SELECT trust, failure, device_class, count(*) FROM records GROUP BY 1, 2, 3")) {
      int64_t count = row[3].as<int64_t>();
      stats.records += count;
      stats.by_trust[std::string(TrustName(static_cast<Trust>(row[0].as<int>())))] += count;
      if (!row[1].is_null()) {
        stats.by_failure[std::string(FailureKindName(static_cast<FailureKind>(row[1].as<int>())))] += count;
      }
      if (row[2].size() > 0) stats.by_device_class[row[2].c_str()] += count;
    }
    return absl::OkStatus();
  }));
  return stats;
}

}  // namespace hone
