#include "client/cli/job_best.h"
#include "client/cli/record_source.h"
#include "common/script/workload_codec.h"
#include "common/support/status_macros.h"
#include "server/database/json_database.h"
#include "server/service/records.h"

namespace hone::cli {
namespace {

// The folder's database behind the rules of RecordService, asked by somebody who may read all of it.
class Folder final : public RecordSource {
 public:
  explicit Folder(std::unique_ptr<JsonDatabase> database) : database_(std::move(database)), records_(*database_) {
    reader_.anonymous = true;
  }

  absl::StatusOr<v1::QueryResponse> Query(const v1::QueryRequest& request) override {
    return records_.Query(reader_, request);
  }
  absl::StatusOr<v1::Match> GetRecord(const std::string& id_prefix) override {
    v1::GetRecordRequest request;
    request.set_id_prefix(id_prefix);
    return records_.GetRecord(reader_, request);
  }
  absl::StatusOr<v1::ListRecordsResponse> List(const v1::ListRecordsRequest& request) override {
    return records_.ListRecords(reader_, request);
  }
  absl::StatusOr<v1::StatsResponse> Stats() override { return records_.Stats(reader_); }

  absl::StatusOr<v1::QueryResponse> Top(const std::string& job_id, v1::QueryRequest request) override {
    if (!job_id.empty()) return BestOfJob(*this, job_id, request);
    HONE_ASSIGN_OR_RETURN(const std::vector<Workload> workloads, database_->GetAllWorkloads());
    v1::QueryResponse all;
    for (const Workload& workload : workloads) {
      request.set_workload_id(workload.id.Raw());
      HONE_ASSIGN_OR_RETURN(v1::QueryResponse answer, records_.Query(reader_, request));
      all.MergeFrom(answer);
    }
    return all;
  }

  absl::StatusOr<v1::Workload> GetWorkload(const std::string& id) override {
    v1::GetWorkloadRequest request;
    request.set_id(id);
    return records_.GetWorkload(reader_, request);
  }

 private:
  const std::unique_ptr<JsonDatabase> database_;
  Records records_;
  Identity reader_;
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
