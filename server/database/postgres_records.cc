#include "server/database/postgres_records.h"

#include <array>
#include <map>
#include <pqxx/pqxx>
#include <set>
#include <utility>

#include "common/record/json_scan.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/wire/records_wire.h"
#include "server/database/packed_record.h"
#include "server/database/postgres_pool.h"

namespace hone {
namespace {

constexpr size_t kCopyFrom = 256;  // So many records are worth a COPY.

// 17 digits, which read back as the same number; as PostgreSQL spells what is no number.
std::string Number(double value) {
  if (value != value) return "NaN";
  char text[32];
  std::snprintf(text, sizeof(text), "%.17g", value);
  std::string_view written(text);
  return written == "inf" ? "Infinity" : written == "-inf" ? "-Infinity" : std::string(written);
}

// The numbers of rows of a small table by their key; those that are missing are inserted. `columns` are those after
// the key; each row's values are in the order of the columns, bytea as hex.
struct SmallTable {
  const char* name;
  const char* key_type;
  std::vector<const char*> columns, types;
};

using Rows = std::map<std::string, std::vector<std::string>>;  // By key, as PostgreSQL spells it.
using Numbers = std::map<std::string, std::string>;

void ReadNumbers(pqxx::transaction_base& work, const SmallTable& table, const Rows& rows, Numbers& numbers) {
  PgArray keys;
  for (const auto& [key, values] : rows) {
    if (!numbers.contains(key)) keys.Add(key);
  }
  for (const auto& row : work.exec_params(
           StrCat("SELECT id, no FROM ", table.name, " WHERE id = ANY ($1::", table.key_type, "[])"), keys.text())) {
    numbers[row[0].c_str()] = row[1].c_str();
  }
}

void InsertMissing(pqxx::transaction_base& work, const SmallTable& table, const Rows& rows, const Numbers& numbers) {
  std::string columns = "id", values = StrCat("$1::", table.key_type);
  for (size_t i = 0; i < table.columns.size(); ++i) {
    StrAppend(&columns, ", ", table.columns[i]);
    StrAppend(&values, ", $", i + 2, "::", table.types[i]);
  }
  const std::string sql =
      StrCat("INSERT INTO ", table.name, " (", columns, ") VALUES (", values, ") ON CONFLICT DO NOTHING");
  for (const auto& [key, row] : rows) {
    if (numbers.contains(key)) continue;
    std::vector<std::string> all = {key};
    all.insert(all.end(), row.begin(), row.end());
    work.exec_params(sql, pqxx::prepare::make_dynamic_params(all));
  }
}

Numbers NumbersOf(pqxx::transaction_base& work, const SmallTable& table, const Rows& rows) {
  Numbers numbers;
  ReadNumbers(work, table, rows, numbers);
  if (numbers.size() == rows.size()) return numbers;
  InsertMissing(work, table, rows, numbers);
  ReadNumbers(work, table, rows, numbers);
  return numbers;
}

const SmallTable kSkeletons = {"skeletons", "bytea", {"json"}, {"text"}};
const SmallTable kContexts = {"contexts", "bytea", {"detail"}, {"bytea"}};
const SmallTable kJobNames = {"job_names", "text", {}, {}};
const SmallTable kShelves = {"shelves",
                             "bytea",
                             {"device_class", "target", "metric", "trust", "pool"},
                             {"text", "text", "smallint", "smallint", "text"}};

// What a batch refers to, and its records' values under these names.
struct Batch {
  Rows skeletons, contexts, shelves, jobs;
  struct Item {
    std::string id, workload, skeleton, context, shelf, job;  // Keys.
    std::string median, mean, created, detail;                // Median: empty = null.
    int failure = -1;
    bool valid = false;
  };
  std::vector<Item> items;
};

void AddToBatch(const TuningRecord& record, Batch& batch) {
  PackedRecord packed = PackRecord(record);
  Batch::Item& item = batch.items.emplace_back();
  item.id = PgBytes(record.id);
  item.workload = PgBytes(record.workload_id);
  item.skeleton = PgBytes(SkeletonId(packed.skeleton_json));
  batch.skeletons.try_emplace(item.skeleton, std::vector<std::string>{std::move(packed.skeleton_json)});
  item.context = PgBytes(Sha256(packed.context));
  if (!batch.contexts.contains(item.context)) batch.contexts[item.context] = {PgBytes(packed.context)};
  const std::string metric = StrCat(static_cast<int>(record.run.metric)),
                    trust = StrCat(static_cast<int>(record.trust));
  item.shelf = PgBytes(Sha256(StrCat("hone-shelf-1\n", metric, "\n", trust, "\n", record.device.device_class, "\n",
                                     record.target_json, "\n", record.pool)));
  batch.shelves.try_emplace(
      item.shelf, std::vector<std::string>{record.device.device_class, record.target_json, metric, trust, record.pool});
  item.job = record.slot.job_id;
  if (!item.job.empty()) batch.jobs.try_emplace(item.job);
  if (HasUsableTime(record)) item.median = Number(record.run.median);
  item.mean = Number(SortKey(record));
  item.created = Number(ToUnixSecs(record.created));
  item.detail = PgBytes(packed.detail);
  if (record.run.failure) item.failure = static_cast<int>(record.run.failure->kind);
  item.valid = IsValid(record);
}

struct WorkloadNumbers {
  std::string no, group;
};

absl::StatusOr<std::map<std::string, WorkloadNumbers>> FindWorkloads(pqxx::transaction_base& work, const Batch& batch) {
  std::map<std::string, WorkloadNumbers> found;
  for (const Batch::Item& item : batch.items) found.try_emplace(item.workload);
  PgArray ids;
  for (const auto& [id, numbers] : found) ids.Add(id);
  pqxx::result rows =
      work.exec_params("SELECT id, no, group_no FROM workloads WHERE id = ANY ($1::bytea[])", ids.text());
  for (const auto& row : rows) found[row[0].c_str()] = {row[1].c_str(), row[2].c_str()};
  for (const auto& [id, numbers] : found) {
    if (numbers.no.empty()) {
      return absl::FailedPreconditionError(
          StrCat("the record's workload ", id.substr(2), " was not committed to this database"));
    }
  }
  return found;
}

struct AllNumbers {
  std::map<std::string, WorkloadNumbers> workloads;
  Numbers skeletons, contexts, shelves, jobs;
};

absl::StatusOr<AllNumbers> Resolve(pqxx::transaction_base& work, const Batch& batch) {
  AllNumbers all;
  HONE_ASSIGN_OR_RETURN(all.workloads, FindWorkloads(work, batch));
  all.skeletons = NumbersOf(work, kSkeletons, batch.skeletons);
  all.contexts = NumbersOf(work, kContexts, batch.contexts);
  all.shelves = NumbersOf(work, kShelves, batch.shelves);
  if (!batch.jobs.empty()) all.jobs = NumbersOf(work, kJobNames, batch.jobs);
  all.jobs[""] = "0";
  return all;
}

int64_t InsertAsArrays(pqxx::transaction_base& work, const Batch& batch, const AllNumbers& all,
                       std::set<std::string>& inserted) {
  PgArray id, workload, group, shelf, skeleton, context, job, median, mean, created, failure, valid, detail;
  for (const Batch::Item& item : batch.items) {
    const WorkloadNumbers& w = all.workloads.at(item.workload);
    id.Add(item.id);
    workload.Add(w.no);
    group.Add(w.group);
    shelf.Add(all.shelves.at(item.shelf));
    skeleton.Add(all.skeletons.at(item.skeleton));
    context.Add(all.contexts.at(item.context));
    job.Add(all.jobs.at(item.job));
    item.median.empty() ? median.AddNull() : median.Add(item.median);
    mean.Add(item.mean);
    created.Add(item.created);
    failure.Add(StrCat(item.failure));
    valid.Add(item.valid ? "t" : "f");
    detail.Add(item.detail);
  }
  pqxx::result rows = work.exec_params(
      "INSERT INTO records (id, workload, group_no, shelf, skeleton, context, job, median, mean, created, failure, "
      "valid, detail) SELECT * FROM unnest($1::bytea[], $2::int[], $3::int[], $4::int[], $5::int[], $6::int[], "
      "$7::int[], $8::float8[], $9::float8[], $10::float8[], $11::smallint[], $12::boolean[], $13::bytea[]) "
      "ON CONFLICT (substr(id, 1, 16)) DO NOTHING RETURNING id",
      id.text(), workload.text(), group.text(), shelf.text(), skeleton.text(), context.text(), job.text(),
      median.text(), mean.text(), created.text(), failure.text(), valid.text(), detail.text());
  for (const auto& row : rows) inserted.insert(row[0].c_str());
  return static_cast<int64_t>(rows.size());
}

// COPY knows no ON CONFLICT: what is there already is left out first. Writers by COPY wait for each other.
int64_t InsertByCopy(pqxx::transaction_base& work, const Batch& batch, const AllNumbers& all,
                     std::set<std::string>& inserted) {
  work.exec("SELECT pg_advisory_xact_lock(7237004)");
  PgArray ids;
  for (const Batch::Item& item : batch.items) ids.Add(item.id.substr(0, 2 + 2 * 16));  // As records_id has them.
  // A probe for each: left to itself the planner reads the whole table for some thousand ids.
  std::set<std::string> known;
  for (const auto& row :
       work.exec_params("SELECT r.id FROM unnest($1::bytea[]) AS k (id) CROSS JOIN LATERAL (SELECT id FROM records "
                        "WHERE substr(records.id, 1, 16) = k.id LIMIT 1) r",
                        ids.text())) {
    known.insert(row[0].c_str());
  }
  pqxx::stream_to stream(work, "records",
                         std::vector<std::string>{"id", "workload", "group_no", "shelf", "skeleton", "context", "job",
                                                  "median", "mean", "created", "failure", "valid", "detail"});
  int64_t count = 0;
  for (const Batch::Item& item : batch.items) {
    if (known.contains(item.id)) continue;
    const WorkloadNumbers& w = all.workloads.at(item.workload);
    stream << std::make_tuple(item.id, w.no, w.group, all.shelves.at(item.shelf), all.skeletons.at(item.skeleton),
                              all.contexts.at(item.context), all.jobs.at(item.job),
                              item.median.empty() ? static_cast<const char*>(nullptr) : item.median.c_str(), item.mean,
                              item.created, item.failure, std::string(item.valid ? "t" : "f"), item.detail);
    inserted.insert(item.id);
    ++count;
  }
  stream.complete();
  return count;
}

void AddCounts(pqxx::transaction_base& work, const std::map<std::pair<std::string, int>, int64_t>& counts) {
  PgArray shelves, failures, numbers;
  for (const auto& [key, count] : counts) {
    shelves.Add(key.first);
    failures.Add(StrCat(key.second));
    numbers.Add(StrCat(count));
  }
  work.exec_params("INSERT INTO record_counts SELECT * FROM unnest($1::int[], $2::smallint[], $3::bigint[])",
                   shelves.text(), failures.text(), numbers.text());
}

// What was inserted, counted; and its workloads, in the pools of their records.
void NoteInserted(pqxx::transaction_base& work, const Batch& batch, const AllNumbers& all,
                  const std::set<std::string>& inserted) {
  std::map<std::pair<std::string, int>, int64_t> counts;
  std::set<std::pair<std::string, std::string>> pools;
  for (const Batch::Item& item : batch.items) {
    if (!inserted.contains(item.id)) continue;
    ++counts[{all.shelves.at(item.shelf), item.failure}];
    pools.emplace(all.workloads.at(item.workload).no, batch.shelves.at(item.shelf)[4]);
  }
  AddCounts(work, counts);
  PgArray numbers, names;
  for (const auto& [workload, pool] : pools) {
    numbers.Add(workload);
    names.Add(pool);
  }
  work.exec_params(
      "INSERT INTO workload_pools SELECT n.workload, n.pool FROM unnest($1::int[], $2::text[]) AS n (workload, pool) "
      "WHERE NOT EXISTS (SELECT FROM workload_pools p WHERE p.workload = n.workload AND p.pool = n.pool) "
      "ON CONFLICT DO NOTHING",
      numbers.text(), names.text());
}

}  // namespace

absl::Status InsertWorkloads(pqxx::transaction_base& work, absl::Span<const Workload> workloads) {
  for (const Workload& w : workloads) {
    if (!work.exec_params("SELECT FROM workloads WHERE id = $1::bytea", PgBytes(w.id)).empty()) continue;
    work.exec("SELECT pg_advisory_xact_lock(7237003)");  // Two equal ones at a time would make two groups.
    work.exec_params(
        "INSERT INTO workloads (id, script, key_structural, key_ignore_ndarray, key_anchor_block, name, flops, "
        "group_no, no) SELECT $1::bytea, $2::text, $3::bytea, $4::bytea, $5::bytea, $6::text, $7::float8, "
        "coalesce((SELECT min(group_no) FROM workloads WHERE key_structural = $3::bytea), n.no), n.no "
        "FROM (SELECT nextval('workloads_no_seq')::int AS no) AS n ON CONFLICT DO NOTHING",
        PgBytes(w.id), w.script, PgBytes(w.keys[0]), PgBytes(w.keys[1]), PgBytes(w.keys[2]), w.name, w.flops);
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> InsertRecords(pqxx::transaction_base& work, absl::Span<const TuningRecord> records) {
  if (records.empty()) return 0;
  Batch batch;
  std::set<Digest> ids;
  for (const TuningRecord& given : records) {
    if (given.id != Digest{}) {
      if (ids.insert(given.id).second) AddToBatch(given, batch);
      continue;
    }
    TuningRecord record = given;
    record.id = RecordId(record);
    if (ids.insert(record.id).second) AddToBatch(record, batch);
  }
  HONE_ASSIGN_OR_RETURN(AllNumbers all, Resolve(work, batch));
  std::set<std::string> inserted;
  const int64_t count = batch.items.size() < kCopyFrom ? InsertAsArrays(work, batch, all, inserted)
                                                       : InsertByCopy(work, batch, all, inserted);
  if (count > 0) NoteInserted(work, batch, all, inserted);
  return count;
}

const char* const kRecordColumns =
    "SELECT r.seq, r.id, r.workload, r.skeleton, r.context, r.job, r.median, r.created, r.detail ";

namespace {

using SharedOfRows = std::array<std::vector<SharedRows::Value>, SharedRows::kTables>;

absl::StatusOr<SharedOfRows> SharedOf(pqxx::transaction_base& work, const pqxx::result& rows, SharedRows& shared) {
  SharedOfRows values;
  std::vector<int> numbers(rows.size());
  for (int table = 0; table < SharedRows::kTables; ++table) {
    for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = rows[static_cast<int>(i)][2 + table].as<int>();
    HONE_ASSIGN_OR_RETURN(values[table], shared.Get(work, static_cast<SharedRows::Table>(table), numbers));
  }
  return values;
}

}  // namespace

absl::StatusOr<std::vector<TuningRecord>> RecordsOf(pqxx::transaction_base& work, const pqxx::result& rows,
                                                    SharedRows& shared) {
  HONE_ASSIGN_OR_RETURN(const SharedOfRows values, SharedOf(work, rows, shared));
  std::vector<TuningRecord> records;
  records.reserve(rows.size());
  for (const auto& row : rows) {
    const size_t i = records.size();
    RecordColumns columns;
    HONE_ASSIGN_OR_RETURN(columns.id, PgParseDigest(row[1].c_str()));
    if (!Digest::FromRaw(*values[SharedRows::kWorkloadIds][i], columns.workload_id)) {
      return absl::DataLossError("a stored workload's id is not 32 bytes");
    }
    columns.job_id = *values[SharedRows::kJobNames][i];
    if (!row[6].is_null()) columns.median = row[6].as<double>();
    columns.created_unix_secs = row[7].as<double>();
    HONE_ASSIGN_OR_RETURN(const std::string detail, PgParseBytes(row[8].c_str()));
    HONE_ASSIGN_OR_RETURN(TuningRecord record, UnpackRecord(columns, *values[SharedRows::kSkeletons][i],
                                                            *values[SharedRows::kContexts][i], detail));
    records.push_back(std::move(record));
  }
  return records;
}

const char* const kSelectWorkload =
    "SELECT id, script, key_structural, key_ignore_ndarray, key_anchor_block, name, flops FROM workloads ";

absl::StatusOr<Workload> WorkloadOf(const pqxx::row& row) {
  Workload workload;
  HONE_ASSIGN_OR_RETURN(workload.id, PgParseDigest(row[0].c_str()));
  workload.script = row[1].c_str();
  for (int i = 0; i < 3; ++i) {
    HONE_ASSIGN_OR_RETURN(workload.keys[i], PgParseDigest(row[2 + i].c_str()));
  }
  workload.name = row[5].c_str();
  workload.flops = row[6].as<double>();
  return workload;
}

absl::StatusOr<int64_t> DeleteFailures(pqxx::transaction_base& work, const FailureRetention& retention,
                                       absl::Time now) {
  PgArray live;
  for (const std::string& job : retention.live_jobs) live.Add(job);
  // The workload's failure that has per_workload younger ones bounds what may go by number.
  pqxx::result rows = work.exec_params(
      "WITH gone AS (SELECT f.seq FROM workloads w CROSS JOIN LATERAL (SELECT r.seq, r.created, r.job, b.seq AS bound "
      "FROM records r LEFT JOIN (SELECT seq FROM records WHERE workload = w.no AND failure >= 0 ORDER BY seq DESC "
      "OFFSET $2 LIMIT 1) b ON true WHERE r.workload = w.no AND r.failure >= 0 AND (r.created < $1 OR r.seq <= b.seq) "
      "ORDER BY r.seq LIMIT $4) f WHERE NOT EXISTS (SELECT FROM job_names j WHERE j.no = f.job AND j.id = ANY "
      "($3::text[])) ORDER BY f.seq LIMIT $4), "
      "deleted AS (DELETE FROM records r USING gone WHERE r.seq = gone.seq RETURNING r.shelf, r.failure) "
      "SELECT shelf, failure, count(*) FROM deleted GROUP BY 1, 2",
      ToUnixSecs(now - retention.max_age), retention.per_workload, live.text(), retention.limit);
  std::map<std::pair<std::string, int>, int64_t> counts;
  int64_t deleted = 0;
  for (const auto& row : rows) {
    counts[{row[0].c_str(), row[1].as<int>()}] -= row[2].as<int64_t>();
    deleted += row[2].as<int64_t>();
  }
  if (deleted > 0) AddCounts(work, counts);
  work.exec(
      "WITH old AS (DELETE FROM record_counts RETURNING *) INSERT INTO record_counts SELECT shelf, failure, "
      "sum(records)::bigint FROM old GROUP BY 1, 2");
  return deleted;
}

}  // namespace hone
