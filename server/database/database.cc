#include "server/database/database.h"

#include <utility>

#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/wire/records_wire.h"

namespace hone {

absl::StatusOr<std::optional<TuningRecord>> Database::QueryRecord(const Workload& workload, std::string_view,
                                                                  std::string_view) {
  HONE_ASSIGN_OR_RETURN(std::vector<TuningRecord> top, GetTopK(workload, 1));
  if (top.empty()) return std::nullopt;
  return std::move(top[0]);
}

std::vector<absl::StatusOr<std::vector<EncodedRecord>>> Database::BestEncoded(absl::Span<const RecordQuery> queries) {
  std::vector<absl::StatusOr<std::vector<EncodedRecord>>> answers;
  for (const RecordQuery& query : queries) {
    absl::StatusOr<std::vector<TuningRecord>> best = Best(query);
    if (!best.ok()) {
      answers.emplace_back(best.status());
      continue;
    }
    std::vector<EncodedRecord> encoded;
    for (const TuningRecord& record : *best) {
      encoded.push_back({record.workload_id, ToProto(record).SerializeAsString()});
    }
    answers.emplace_back(std::move(encoded));
  }
  return answers;
}

namespace {

absl::Status NotOfThisKind(std::string_view what) {
  return absl::UnimplementedError(StrCat("this kind of database does not ", what));
}

}  // namespace

absl::StatusOr<std::vector<DeviceTarget>> Database::DevicesOf(const RecordQuery&) {
  return NotOfThisKind("list devices");
}
absl::Status Database::AddToPool(const Digest&, const std::string&) { return NotOfThisKind("have pools"); }
absl::StatusOr<bool> Database::WorkloadInPools(const Digest&, const std::vector<std::string>&) {
  return NotOfThisKind("have pools");
}
absl::StatusOr<int64_t> Database::TrimFailures(const FailureRetention&, absl::Time) {
  return NotOfThisKind("forget records");
}

absl::Status DumpPruned(Database& source, Database& destination) {
  HONE_ASSIGN_OR_RETURN(std::vector<Workload> workloads, source.GetAllWorkloads());
  for (const Workload& workload : workloads) {
    HONE_ASSIGN_OR_RETURN(std::vector<TuningRecord> top, source.GetTopK(workload, 1));
    if (top.empty() || top[0].workload_id != workload.id) continue;
    HONE_ASSIGN_OR_RETURN(Workload kept, destination.CommitWorkload(workload));
    top[0].workload_id = kept.id;
    HONE_RETURN_IF_ERROR(destination.CommitRecords(top).status());
  }
  return absl::OkStatus();
}

}  // namespace hone
