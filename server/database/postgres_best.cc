#include "server/database/postgres_best.h"

#include <array>
#include <pqxx/pqxx>
#include <utility>

#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/database/postgres_records.h"

namespace hone {
namespace {

constexpr size_t kMaxGroups = 1'000'000;  // Kept in memory.

// Statements by the bits of their conditions.
constexpr int kConditions = 16;
constexpr ModuleEquality kEqualities[] = {ModuleEquality::kStructural, ModuleEquality::kIgnoreNdarray,
                                          ModuleEquality::kAnchorBlock};
BestConditions ConditionsOf(ModuleEquality equality, int bits) {
  return {equality, (bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0};
}
int BitsOf(const RecordQuery& query) {
  return int{!query.pools.empty()} | int{!query.device_class.empty()} << 1 | int{!query.target_json.empty()} << 2 |
         int{!query.devices.empty()} << 3;
}
std::string NameOf(ModuleEquality equality, int bits) { return StrCat("best_", static_cast<int>(equality), "_", bits); }

std::vector<std::pair<std::string, std::string>> Statements() {
  std::vector<std::pair<std::string, std::string>> statements;
  for (ModuleEquality equality : kEqualities) {
    for (int bits = 0; bits < kConditions; ++bits) {
      statements.emplace_back(NameOf(equality, bits), PostgresBestSql(ConditionsOf(equality, bits)));
    }
  }
  return statements;
}

const char* KeyColumn(ModuleEquality equality) {
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

// Columns of kRecordColumns.
enum Column { kId = 1, kShared = 2, kMedian = 6, kCreated = 7, kDetail = 8 };

}  // namespace

std::string PostgresGroupsOf(ModuleEquality equality) {
  if (equality == ModuleEquality::kStructural) {
    return "(SELECT group_no AS no FROM workloads WHERE key_structural = $1::bytea LIMIT 1) g";
  }
  return StrCat("(SELECT DISTINCT group_no AS no FROM workloads WHERE ", KeyColumn(equality), " = $1::bytea) g");
}

// One probe of records_best for each group and shelf, which gives `limit` rows in order; then the best of these. Every
// parameter is named, used or not, so that all statements take the same.
std::string PostgresBestSql(const BestConditions& conditions) {
  std::string shelves = "s.metric = $2::smallint AND s.trust = ANY ($3::smallint[])";
  shelves += conditions.pools ? " AND s.pool = ANY ($4::text[])" : " AND $4::text[] IS NOT NULL";
  shelves += conditions.device_class ? " AND s.device_class = $6::text" : " AND $6::text IS NOT NULL";
  shelves += conditions.target ? " AND s.target = $7::text" : " AND $7::text IS NOT NULL";
  shelves += conditions.devices ? " AND (s.device_class, s.target) IN (SELECT * FROM unnest($8::text[], $9::text[]))"
                                : " AND $8::text[] IS NOT NULL AND $9::text[] IS NOT NULL";
  const bool one_group = conditions.equality == ModuleEquality::kStructural;
  return StrCat(
      kRecordColumns, "FROM ", one_group ? "" : PostgresGroupsOf(conditions.equality) + " CROSS JOIN ",
      "shelves s CROSS JOIN LATERAL (SELECT * FROM records r WHERE r.group_no = ", one_group ? "$1::int" : "g.no",
      " AND r.shelf = s.no AND r.median IS NOT NULL ORDER BY r.median, r.seq LIMIT $5) r WHERE ", shelves,
      " ORDER BY r.median, r.seq LIMIT $5");
}

// The rows of several calls and what they share with others, one after another.
struct PostgresBest::Answers {
  std::vector<PgRows> rows;
  std::vector<size_t> first;  // Of each call's rows, in `shared`.
  std::array<std::vector<SharedRows::Value>, SharedRows::kTables> shared;
};

PostgresBest::PostgresBest(const std::string& url, PostgresPool& pool, SharedRows& shared)
    : pool_(pool), shared_(shared), pipelines_(url, Statements()) {}

absl::StatusOr<std::optional<int>> PostgresBest::GroupOf(const Digest& key) {
  {
    std::lock_guard lock(mutex_);
    if (auto it = groups_.find(key.Raw()); it != groups_.end()) return it->second;
  }
  std::optional<int> group;
  HONE_RETURN_IF_ERROR(pool_.Read([&](pqxx::transaction_base& work) {
    const pqxx::result rows =
        work.exec_params("SELECT group_no FROM workloads WHERE key_structural = $1::bytea LIMIT 1", PgBytes(key));
    if (!rows.empty()) group = rows[0][0].as<int>();
    return absl::OkStatus();
  }));
  if (!group) return group;
  std::lock_guard lock(mutex_);
  if (groups_.size() >= kMaxGroups) groups_.clear();
  groups_[key.Raw()] = *group;
  return group;
}

absl::StatusOr<std::optional<PgCall>> PostgresBest::CallFor(const RecordQuery& query) {
  std::string of = PgBytes(query.key);
  if (query.equality == ModuleEquality::kStructural) {
    HONE_ASSIGN_OR_RETURN(const std::optional<int> group, GroupOf(query.key));
    if (!group) return std::nullopt;
    of = StrCat(*group);
  }
  PgArray trust, pools, classes, targets;
  for (Trust one : query.trust) trust.Add(StrCat(static_cast<int>(one)));
  for (const std::string& pool : query.pools) pools.Add(pool);
  for (const DeviceTarget& device : query.devices) {
    classes.Add(device.device_class);
    targets.Add(device.target_json);
  }
  return PgCall{NameOf(query.equality, BitsOf(query)),
                {std::move(of), StrCat(static_cast<int>(query.metric)), trust.text(), pools.text(), StrCat(query.limit),
                 query.device_class, query.target_json, classes.text(), targets.text()}};
}

absl::StatusOr<PostgresBest::Answers> PostgresBest::Ask(absl::Span<const PgCall> calls) {
  Answers answers;
  HONE_ASSIGN_OR_RETURN(answers.rows, pipelines_.Ask(calls));
  size_t count = 0;
  for (const PgRows& rows : answers.rows) {
    answers.first.push_back(count);
    count += rows.size();
  }
  std::vector<int> numbers;
  for (int table = 0; table < SharedRows::kTables; ++table) {
    numbers.clear();
    for (const PgRows& rows : answers.rows) {
      for (int i = 0; i < rows.size(); ++i) numbers.push_back(rows.Int(i, kShared + table));
    }
    const auto of = static_cast<SharedRows::Table>(table);
    if (auto kept = shared_.GetKept(of, numbers)) {
      answers.shared[table] = *std::move(kept);
      continue;
    }
    HONE_RETURN_IF_ERROR(pool_.Read([&](pqxx::transaction_base& work) -> absl::Status {
      HONE_ASSIGN_OR_RETURN(answers.shared[table], shared_.Get(work, of, numbers));
      return absl::OkStatus();
    }));
  }
  return answers;
}

absl::Status PostgresBest::ForEachRow(const Answers& answers, size_t call, const Row& row) {
  const PgRows& rows = answers.rows[call];
  for (int i = 0; i < rows.size(); ++i) {
    auto shared = [&](SharedRows::Table table) -> const std::string& {
      return *answers.shared[table][answers.first[call] + i];
    };
    RecordColumns columns;
    if (!Digest::FromRaw(rows.Bytes(i, kId), columns.id) ||
        !Digest::FromRaw(shared(SharedRows::kWorkloadIds), columns.workload_id)) {
      return absl::DataLossError("a stored id is not 32 bytes");
    }
    columns.job_id = shared(SharedRows::kJobNames);
    if (!rows.IsNull(i, kMedian)) columns.median = rows.Double(i, kMedian);
    columns.created_unix_secs = rows.Double(i, kCreated);
    HONE_RETURN_IF_ERROR(
        row(columns, shared(SharedRows::kSkeletons), shared(SharedRows::kContexts), rows.Bytes(i, kDetail)));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TuningRecord>> PostgresBest::Records(const RecordQuery& query) {
  std::vector<TuningRecord> records;
  HONE_ASSIGN_OR_RETURN(const std::optional<PgCall> call, CallFor(query));
  if (!call) return records;
  HONE_ASSIGN_OR_RETURN(const Answers answers, Ask(absl::MakeConstSpan(&*call, 1)));
  HONE_RETURN_IF_ERROR(ForEachRow(answers, 0,
                                  [&](const RecordColumns& columns, std::string_view skeleton_json,
                                      std::string_view context, std::string_view detail) -> absl::Status {
                                    HONE_ASSIGN_OR_RETURN(TuningRecord record,
                                                          UnpackRecord(columns, skeleton_json, context, detail));
                                    records.push_back(std::move(record));
                                    return absl::OkStatus();
                                  }));
  return records;
}

std::vector<absl::StatusOr<std::vector<EncodedRecord>>> PostgresBest::Encoded(absl::Span<const RecordQuery> queries) {
  std::vector<absl::StatusOr<std::vector<EncodedRecord>>> answered(queries.size(), std::vector<EncodedRecord>());
  std::vector<PgCall> calls;
  std::vector<size_t> of;  // The query of each call.
  for (size_t i = 0; i < queries.size(); ++i) {
    absl::StatusOr<std::optional<PgCall>> call = CallFor(queries[i]);
    if (!call.ok()) {
      answered[i] = call.status();
    } else if (*call) {
      calls.push_back(**std::move(call));
      of.push_back(i);
    }
  }
  if (calls.empty()) return answered;
  const absl::StatusOr<Answers> answers = Ask(calls);
  for (size_t i = 0; i < calls.size(); ++i) {
    if (!answers.ok() && calls.size() > 1 && !absl::IsUnavailable(answers.status())) {
      answered[of[i]] = std::move(Encoded(absl::MakeConstSpan(&queries[of[i]], 1))[0]);  // Whose fault it was.
      continue;
    }
    std::vector<EncodedRecord>& records = *answered[of[i]];
    const auto add = [&](const RecordColumns& columns, std::string_view skeleton_json, std::string_view context,
                         std::string_view detail) {
      records.push_back({columns.workload_id, std::string()});
      return AppendUnpackedRecord(columns, skeleton_json, context, detail, &records.back().bytes);
    };
    const absl::Status read = answers.ok() ? ForEachRow(*answers, i, add) : answers.status();
    if (!read.ok()) answered[of[i]] = read;
  }
  return answered;
}

}  // namespace hone
