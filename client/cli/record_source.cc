#include "client/cli/record_source.h"

#include "client/cli/job_best.h"
#include "client/cpp/record_client.h"
#include "client/cpp/tuning_client.h"
#include "common/support/status_macros.h"

namespace hone::cli {
namespace {

class Remote final : public RecordSource {
 public:
  explicit Remote(std::shared_ptr<Connection> connection) : records_(connection), jobs_(connection) {}

  absl::StatusOr<v1::QueryResponse> Query(const v1::QueryRequest& request) override { return records_.Query(request); }
  absl::StatusOr<v1::Match> GetRecord(const std::string& id_prefix) override { return records_.GetRecord(id_prefix); }
  absl::StatusOr<v1::ListRecordsResponse> List(const v1::ListRecordsRequest& request) override {
    return records_.ListRecords(request);
  }
  absl::StatusOr<v1::StatsResponse> Stats() override { return records_.Stats(); }

  absl::StatusOr<v1::QueryResponse> Top(const std::string& job_id, v1::QueryRequest request) override {
    if (job_id.empty()) return absl::InvalidArgumentError("give the id of a job (hone jobs list --all)");
    HONE_ASSIGN_OR_RETURN(const v1::JobReport job, jobs_.GetJob(job_id));
    HONE_ASSIGN_OR_RETURN(v1::QueryResponse all, BestOfJob(*this, job_id, request));
    for (v1::Match& match : *all.mutable_matches()) {
      for (const v1::TaskReport& task : job.tasks()) {
        if (task.workload_id() != match.record().workload_id() || !match.workload().name().empty()) continue;
        match.mutable_workload()->set_name(task.name());
      }
    }
    return all;
  }

  absl::StatusOr<v1::Workload> GetWorkload(const std::string& id) override {
    v1::GetWorkloadRequest request;
    request.set_id(id);
    return records_.GetWorkload(request);
  }

 private:
  RecordClient records_;
  TuningClient jobs_;
};

}  // namespace

std::unique_ptr<RecordSource> RemoteRecords(std::shared_ptr<Connection> connection) {
  return std::make_unique<Remote>(std::move(connection));
}

void RecordSourceFlags::Declare(Flags& flags) {
  server.Declare(flags);
  flags.Add("work-dir", &work_dir, "Read the database of this folder instead of a server's");
}

absl::StatusOr<std::unique_ptr<RecordSource>> RecordSourceFlags::Open() const {
  HONE_ASSIGN_OR_RETURN(const bool for_server, IsForServer(server, work_dir));
  if (for_server) {
    HONE_ASSIGN_OR_RETURN(std::shared_ptr<Connection> connection, server.Open());
    return RemoteRecords(std::move(connection));
  }
  return FolderRecords(work_dir.empty() ? "hone-work" : work_dir);
}

}  // namespace hone::cli
