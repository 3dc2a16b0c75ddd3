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

constexpr size_t kMaxWorkloadBytes = size_t{64} << 20;  // Of the workloads that are kept in memory.

std::string Suffix(ModuleEquality equality) { return StrCat("_", static_cast<int>(equality)); }

constexpr char kShelves[] =
    "s.metric = $2::smallint AND s.trust = ANY ($3::smallint[]) AND ($4::text[] = '{}' OR s.pool = ANY ($4::text[]))";

std::string DevicesSql(ModuleEquality equality) {
  return StrCat("SELECT DISTINCT s.device_class, s.target FROM shelves s, ", PostgresGroupsOf(equality), " WHERE ",
                kShelves,
                " AND EXISTS (SELECT FROM records r WHERE r.group_no = g.no AND r.shelf = s.no AND r.median IS NOT "
                "NULL)");
}

std::string TopSql(ModuleEquality equality) {
  return StrCat("WITH top AS (SELECT t.seq, t.mean FROM ", PostgresGroupsOf(equality),
                " CROSS JOIN LATERAL (SELECT r.seq, r.mean FROM records r WHERE r.group_no = g.no AND r.valid ORDER "
                "BY r.mean, r.seq LIMIT $2) t ORDER BY t.mean, t.seq LIMIT $2) ",
                kRecordColumns, "FROM records r JOIN top ON top.seq = r.seq ORDER BY top.mean, top.seq");
}

template <typename Strings>
std::string ArrayOf(const Strings& strings) {
  PgArray array;
  for (const std::string& text : strings) array.Add(text);
  return array.text();
}

template <typename T>
std::string ArrayOfEnums(const std::vector<T>& values) {
  PgArray array;
  for (T value : values) array.Add(StrCat(static_cast<int>(value)));
  return array.text();
}

}  // namespace

PostgresDatabase::PostgresDatabase(const std::string& url, ModuleEquality equality,
                                   std::function<absl::Status(pqxx::transaction_base&)> check_write)
    : equality_(equality), check_write_(std::move(check_write)), pool_(url), best_(url, pool_, shared_) {
  for (ModuleEquality e : {ModuleEquality::kStructural, ModuleEquality::kIgnoreNdarray, ModuleEquality::kAnchorBlock}) {
    pool_.Prepare("devices" + Suffix(e), DevicesSql(e));
  }
  pool_.Prepare("top", TopSql(equality));
  pool_.Prepare("workload", StrCat(kSelectWorkload, "WHERE id = $1::bytea"));
}

absl::StatusOr<bool> PostgresDatabase::HasWorkload(const Workload& workload) {
  HONE_ASSIGN_OR_RETURN(std::optional<Workload> found, FindWorkloadByKey(equality_, workload.key(equality_), {}));
  return found.has_value();
}

absl::StatusOr<Workload> PostgresDatabase::CommitWorkload(const Workload& workload) {
  HONE_ASSIGN_OR_RETURN(std::optional<Workload> equal, FindWorkloadByKey(equality_, workload.key(equality_), {}));
  if (equal) return *std::move(equal);
  HONE_RETURN_IF_ERROR(pool_.Run([&](pqxx::transaction_base& work) -> absl::Status {
    if (check_write_) HONE_RETURN_IF_ERROR(check_write_(work));
    return InsertWorkloads(work, absl::MakeConstSpan(&workload, 1));
  }));
  return workload;
}

absl::StatusOr<std::optional<Workload>> PostgresDatabase::FindWorkload(const Digest& id) {
  const std::string key = id.Raw();
  {
    std::lock_guard lock(mutex_);
    if (auto it = workloads_.find(key); it != workloads_.end()) return it->second;
  }
  std::optional<Workload> found;
  HONE_RETURN_IF_ERROR(pool_.Read([&](pqxx::transaction_base& work) -> absl::Status {
    pqxx::result rows = work.exec_prepared("workload", PgBytes(id));
    if (rows.empty()) return absl::OkStatus();
    HONE_ASSIGN_OR_RETURN(found, WorkloadOf(rows[0]));
    return absl::OkStatus();
  }));
  if (!found) return found;
  std::lock_guard lock(mutex_);
  if (workload_bytes_ > kMaxWorkloadBytes) {
    workloads_.clear();
    workload_bytes_ = 0;
  }
  if (workloads_.emplace(key, *found).second) workload_bytes_ += found->script.size() + 500;
  return found;
}

absl::StatusOr<std::optional<Workload>> PostgresDatabase::FindWorkloadByKey(ModuleEquality equality, const Digest& key,
                                                                            const std::vector<std::string>& pools) {
  std::optional<Workload> found;
  HONE_RETURN_IF_ERROR(pool_.Run([&](pqxx::transaction_base& work) -> absl::Status {
    pqxx::result rows = work.exec_params(
        StrCat(kSelectWorkload, "WHERE ", KeyColumn(equality),
               " = $1::bytea AND ($2::text[] = '{}' OR EXISTS (SELECT FROM workload_pools p WHERE p.workload = "
               "workloads.no AND p.pool = ANY ($2::text[]))) ORDER BY no LIMIT 1"),
        PgBytes(key), ArrayOf(pools));
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
  HONE_RETURN_IF_ERROR(pool_.Read([&](pqxx::transaction_base& work) -> absl::Status {
    HONE_ASSIGN_OR_RETURN(top,
                          RecordsOf(work, work.exec_prepared("top", PgBytes(workload.key(equality_)), k), shared_));
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
  HONE_RETURN_IF_ERROR(pool_.Read([&](pqxx::transaction_base& work) {
    size = work.exec1("SELECT coalesce(sum(records), 0) FROM record_counts")[0].as<int64_t>();
    return absl::OkStatus();
  }));
  return size;
}

absl::StatusOr<std::vector<TuningRecord>> PostgresDatabase::Best(const RecordQuery& query) {
  return best_.Records(query);
}

std::vector<absl::StatusOr<std::vector<EncodedRecord>>> PostgresDatabase::BestEncoded(
    absl::Span<const RecordQuery> queries) {
  return best_.Encoded(queries);
}

absl::StatusOr<std::vector<DeviceTarget>> PostgresDatabase::DevicesOf(const RecordQuery& query) {
  std::vector<DeviceTarget> devices;
  HONE_RETURN_IF_ERROR(pool_.Read([&](pqxx::transaction_base& work) {
    devices.clear();
    for (const auto& row :
         work.exec_prepared("devices" + Suffix(query.equality), PgBytes(query.key), static_cast<int>(query.metric),
                            ArrayOfEnums(query.trust), ArrayOf(query.pools))) {
      devices.push_back({row[0].c_str(), row[1].c_str()});
    }
    return absl::OkStatus();
  }));
  return devices;
}

absl::Status PostgresDatabase::AddToPool(const Digest& workload_id, const std::string& pool) {
  return pool_.Run([&](pqxx::transaction_base& work) -> absl::Status {
    if (check_write_) HONE_RETURN_IF_ERROR(check_write_(work));
    pqxx::result rows = work.exec_params("SELECT no FROM workloads WHERE id = $1::bytea", PgBytes(workload_id));
    if (rows.empty()) {
      return absl::FailedPreconditionError(
          StrCat("workload ", workload_id.Hex(), " was not committed to this database"));
    }
    work.exec_params("INSERT INTO workload_pools VALUES ($1, $2) ON CONFLICT DO NOTHING", rows[0][0].as<int>(), pool);
    return absl::OkStatus();
  });
}

absl::StatusOr<bool> PostgresDatabase::WorkloadInPools(const Digest& workload_id,
                                                       const std::vector<std::string>& pools) {
  bool found = false;
  HONE_RETURN_IF_ERROR(pool_.Read([&](pqxx::transaction_base& work) {
    found = !work.exec_params(
                     "SELECT FROM workloads w JOIN workload_pools p ON p.workload = w.no WHERE w.id = "
                     "$1::bytea AND p.pool = ANY ($2::text[]) LIMIT 1",
                     PgBytes(workload_id), ArrayOf(pools))
                 .empty();
    return absl::OkStatus();
  }));
  return found;
}

absl::StatusOr<int64_t> PostgresDatabase::TrimFailures(const FailureRetention& retention, absl::Time now) {
  int64_t deleted = 0;
  HONE_RETURN_IF_ERROR(pool_.Run([&](pqxx::transaction_base& work) -> absl::Status {
    if (check_write_) HONE_RETURN_IF_ERROR(check_write_(work));
    HONE_ASSIGN_OR_RETURN(deleted, DeleteFailures(work, retention, now));
    return absl::OkStatus();
  }));
  return deleted;
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
    pqxx::result rows = work.exec_params(StrCat(kRecordColumns,
                                                "FROM records r WHERE substr(r.id, 1, 16) BETWEEN "
                                                "substr($1::bytea, 1, 16) AND substr($2::bytea, 1, 16) "
                                                "AND r.id BETWEEN $1::bytea AND $2::bytea LIMIT 2"),
                                         PgBytes(from), PgBytes(to));
    HONE_ASSIGN_OR_RETURN(found, RecordsOf(work, rows, shared_));
    return absl::OkStatus();
  }));
  if (found.empty()) return absl::NotFoundError(StrCat("no record ", prefix));
  if (found.size() > 1) return absl::InvalidArgumentError(StrCat("several records start with ", prefix));
  return std::move(found[0]);
}

absl::StatusOr<RecordPage> PostgresDatabase::ListRecords(const RecordPageRequest& request) {
  RecordPage page;
  HONE_RETURN_IF_ERROR(pool_.Read([&](pqxx::transaction_base& work) -> absl::Status {
    std::string wanted = "FROM records r WHERE r.seq > $1 ";
    if (!request.job_id.empty()) {
      wanted += "AND r.job = (SELECT no FROM job_names WHERE id = " + work.quote(request.job_id) + ") AND r.job > 0 ";
    }
    if (!request.pools.empty()) {
      wanted += "AND r.shelf IN (SELECT no FROM shelves WHERE pool = ANY (" + work.quote(ArrayOf(request.pools)) +
                "::text[])) ";
    }
    if (!request.include_failed) wanted += "AND r.failure < 0 ";
    std::string sql = kRecordColumns + wanted;
    if (request.workload_id != Digest{}) {
      // By its group, which an index has; the planner would rather walk all records in their order.
      const std::string id = "'" + PgBytes(request.workload_id) + "'::bytea";
      sql = StrCat("WITH of AS MATERIALIZED (SELECT r.* ", wanted, "AND r.group_no = (SELECT group_no FROM workloads ",
                   "WHERE id = ", id, ") AND r.workload = (SELECT no FROM workloads WHERE id = ", id, ")) ",
                   kRecordColumns, "FROM of r ");
    }
    pqxx::result rows =
        work.exec_params(sql + "ORDER BY r.seq LIMIT $2", static_cast<int64_t>(request.after), request.limit);
    HONE_ASSIGN_OR_RETURN(page.records, RecordsOf(work, rows, shared_));
    bool full = static_cast<int>(rows.size()) == request.limit;
    page.cursor = full && !rows.empty() ? rows[rows.size() - 1][0].as<uint64_t>() : 0;
    return absl::OkStatus();
  }));
  return page;
}

absl::StatusOr<DatabaseStats> PostgresDatabase::Stats(const std::vector<std::string>& pools) {
  DatabaseStats stats;
  HONE_RETURN_IF_ERROR(pool_.Run([&](pqxx::transaction_base& work) {
    stats = DatabaseStats{};
    stats.workloads = work.exec_params1(pools.empty() ? "SELECT count(*) FROM workloads WHERE $1::text[] = '{}'"
                                                      : "SELECT count(DISTINCT workload) FROM workload_pools WHERE "
                                                        "pool = ANY ($1::text[])",
                                        ArrayOf(pools))[0]
                          .as<int64_t>();
    for (const auto& row : work.exec_params(
             "SELECT s.trust, c.failure, s.device_class, sum(c.records)::bigint FROM record_counts c JOIN shelves s ON "
             "s.no = c.shelf WHERE $1::text[] = '{}' OR s.pool = ANY ($1::text[]) GROUP BY 1, 2, 3 HAVING "
             "sum(c.records) > 0",
             ArrayOf(pools))) {
      const auto count = row[3].as<int64_t>();
      const int failure = row[1].as<int>();
      stats.records += count;
      stats.by_trust[std::string(TrustName(static_cast<Trust>(row[0].as<int>())))] += count;
      if (failure >= 0) stats.by_failure[std::string(FailureKindName(static_cast<FailureKind>(failure)))] += count;
      if (row[2].size() > 0) stats.by_device_class[row[2].c_str()] += count;
    }
    return absl::OkStatus();
  }));
  return stats;
}

}  // namespace hone
