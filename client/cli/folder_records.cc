#include "client/cli/record_source.h"
#include "common/script/workload_codec.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/wire/records_wire.h"
#include "server/database/json_database.h"

namespace hone::cli {
namespace {

class Folder final : public RecordSource {
 public:
  explicit Folder(std::unique_ptr<JsonDatabase> database) : database_(std::move(database)) {}

  absl::StatusOr<v1::QueryResponse> Query(const v1::QueryRequest& request) override {
    HONE_ASSIGN_OR_RETURN(Digest id, DigestFromBytes(request.workload_id(), "workload_id"));
    HONE_ASSIGN_OR_RETURN(std::optional<Workload> workload, database_->FindWorkload(id));
    if (!workload.has_value()) return v1::QueryResponse();
    return Best(*workload, request);
  }

  absl::StatusOr<v1::Match> GetRecord(const std::string& id_prefix) override {
    HONE_ASSIGN_OR_RETURN(TuningRecord record, database_->FindRecord(id_prefix));
    HONE_ASSIGN_OR_RETURN(std::optional<Workload> workload, database_->FindWorkload(record.workload_id));
    return ToMatch(record, workload.value_or(Workload()));
  }

  absl::StatusOr<v1::ListRecordsResponse> List(const v1::ListRecordsRequest& request) override {
    HONE_ASSIGN_OR_RETURN(std::vector<TuningRecord> records, database_->GetAllRecords());
    const uint32_t limit = request.limit() == 0 ? 100 : request.limit();
    v1::ListRecordsResponse response;
    for (const TuningRecord& record : records) {
      if (!request.job_id().empty() && record.slot.job_id != request.job_id()) continue;
      if (!request.workload_id().empty() && record.workload_id.Raw() != request.workload_id()) continue;
      if (record.trust == Trust::kFailed && !request.include_failed()) continue;
      if (response.records_size() == static_cast<int>(limit)) break;
      *response.add_records() = ToProto(record);
    }
    return response;
  }

  absl::StatusOr<v1::StatsResponse> Stats() override {
    HONE_ASSIGN_OR_RETURN(std::vector<TuningRecord> records, database_->GetAllRecords());
    HONE_ASSIGN_OR_RETURN(std::vector<Workload> workloads, database_->GetAllWorkloads());
    v1::StatsResponse stats;
    stats.set_workloads(workloads.size());
    stats.set_records(records.size());
    for (const TuningRecord& record : records) {
      ++(*stats.mutable_by_trust())[std::string(TrustName(record.trust))];
      if (record.run.failure.has_value()) {
        ++(*stats.mutable_by_failure())[std::string(FailureKindName(record.run.failure->kind))];
      }
      if (!record.device.device_class.empty()) ++(*stats.mutable_by_device_class())[record.device.device_class];
    }
    return stats;
  }

  absl::StatusOr<v1::QueryResponse> Top(const std::string& job_id, v1::QueryRequest request) override {
    HONE_ASSIGN_OR_RETURN(std::vector<Workload> workloads, database_->GetAllWorkloads());
    v1::QueryResponse all;
    for (const Workload& workload : workloads) {
      HONE_ASSIGN_OR_RETURN(v1::QueryResponse answer, Best(workload, request));
      for (v1::Match& match : *answer.mutable_matches()) {
        if (job_id.empty() || match.record().slot().job_id() == job_id) *all.add_matches() = std::move(match);
      }
    }
    return all;
  }

  absl::StatusOr<v1::Workload> GetWorkload(const std::string& id) override {
    HONE_ASSIGN_OR_RETURN(Digest digest, DigestFromBytes(id, "workload id"));
    HONE_ASSIGN_OR_RETURN(std::optional<Workload> workload, database_->FindWorkload(digest));
    if (!workload.has_value()) return absl::NotFoundError(StrCat("no workload ", digest.Hex()));
    return ToProto(*workload);
  }

 private:
  static v1::Match ToMatch(const TuningRecord& record, const Workload& workload) {
    v1::Match match;
    *match.mutable_record() = ToProto(record);
    *match.mutable_workload() = ToProto(workload);
    match.set_fit(v1::FIT_EXACT);
    return match;
  }

  absl::StatusOr<v1::QueryResponse> Best(const Workload& workload, const v1::QueryRequest& request) {
    RecordQuery query;
    query.equality = FromProto(request.equality());
    query.key = workload.key(query.equality);
    query.target_json = request.target_json();
    query.device_class = request.device_class();
    query.metric = FromProto(request.metric());
    query.limit = request.top_k() == 0 ? 1 : static_cast<int>(request.top_k());
    if (request.trust_size() > 0) query.trust.clear();
    for (int trust : request.trust()) {
      HONE_ASSIGN_OR_RETURN(Trust wanted, FromProto(static_cast<v1::Trust>(trust)));
      query.trust.push_back(wanted);
    }
    HONE_ASSIGN_OR_RETURN(std::vector<TuningRecord> records, database_->Best(query));
    v1::QueryResponse response;
    for (const TuningRecord& record : records) *response.add_matches() = ToMatch(record, workload);
    return response;
  }

  std::unique_ptr<JsonDatabase> database_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RecordSource>> FolderRecords(const std::string& folder) {
  JsonDatabaseOptions options;
  options.read_only = true;
  options.allow_missing = false;
  options.codec = script::GraphCodec();
  HONE_ASSIGN_OR_RETURN(std::unique_ptr<JsonDatabase> database, JsonDatabase::Open(folder, options));
  return std::make_unique<Folder>(std::move(database));
}

}  // namespace hone::cli
