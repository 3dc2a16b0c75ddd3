#include "server/database/union_database.h"

#include <utility>

#include "common/support/status_macros.h"

namespace hone {
namespace {

absl::Status QueryOnly() { return absl::UnimplementedError("this database only answers queries for the best record"); }

}  // namespace

absl::StatusOr<bool> QueryOnlyDatabase::HasWorkload(const Workload&) { return QueryOnly(); }
absl::StatusOr<Workload> QueryOnlyDatabase::CommitWorkload(const Workload&) { return QueryOnly(); }
absl::StatusOr<std::optional<Workload>> QueryOnlyDatabase::FindWorkload(const Digest&) { return QueryOnly(); }
absl::StatusOr<std::vector<Workload>> QueryOnlyDatabase::GetAllWorkloads() { return QueryOnly(); }
absl::StatusOr<int64_t> QueryOnlyDatabase::CommitRecords(absl::Span<const TuningRecord>) { return QueryOnly(); }
absl::StatusOr<std::vector<TuningRecord>> QueryOnlyDatabase::GetTopK(const Workload&, int) { return QueryOnly(); }
absl::StatusOr<std::vector<TuningRecord>> QueryOnlyDatabase::GetAllRecords() { return QueryOnly(); }
absl::StatusOr<int64_t> QueryOnlyDatabase::Size() { return QueryOnly(); }
absl::StatusOr<std::vector<TuningRecord>> QueryOnlyDatabase::Best(const RecordQuery&) { return QueryOnly(); }
absl::StatusOr<TuningRecord> QueryOnlyDatabase::FindRecord(std::string_view) { return QueryOnly(); }
absl::StatusOr<std::optional<Workload>> QueryOnlyDatabase::FindWorkloadByKey(ModuleEquality, const Digest&,
                                                                             const std::vector<std::string>&) {
  return QueryOnly();
}
absl::StatusOr<RecordPage> QueryOnlyDatabase::ListRecords(const RecordPageRequest&) { return QueryOnly(); }
absl::StatusOr<DatabaseStats> QueryOnlyDatabase::Stats(const std::vector<std::string>&) { return QueryOnly(); }

absl::StatusOr<std::optional<TuningRecord>> UnionDatabase::QueryRecord(const Workload& workload,
                                                                       std::string_view target_json,
                                                                       std::string_view workload_name) {
  std::optional<TuningRecord> best;
  for (Database* member : members_) {
    HONE_ASSIGN_OR_RETURN(std::optional<TuningRecord> record,
                          member->QueryRecord(workload, target_json, workload_name));
    if (record && (!best || SortKey(*record) < SortKey(*best))) best = std::move(record);
  }
  return best;
}

absl::StatusOr<std::optional<TuningRecord>> OrderedUnionDatabase::QueryRecord(const Workload& workload,
                                                                              std::string_view target_json,
                                                                              std::string_view workload_name) {
  for (Database* member : members_) {
    HONE_ASSIGN_OR_RETURN(std::optional<TuningRecord> record,
                          member->QueryRecord(workload, target_json, workload_name));
    if (record) return record;
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<TuningRecord>> ScheduleFnDatabase::QueryRecord(const Workload& workload,
                                                                            std::string_view target_json,
                                                                            std::string_view workload_name) {
  HONE_ASSIGN_OR_RETURN(std::optional<std::string> trace, function_(workload, workload_name));
  if (!trace) return std::nullopt;
  TuningRecord record;
  record.workload_id = workload.id;
  record.trace_json = *std::move(trace);
  record.target_json = std::string(target_json);
  record.file_run_secs.emplace(std::nullopt);  // No time is known.
  return record;
}

}  // namespace hone
