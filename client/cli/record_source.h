// Records of a server or of a folder, behind one interface.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/cli/server_flags.h"
#include "hone/v1/records.pb.h"

namespace hone::cli {

// Requests and answers are those of RecordService; its comments say what they mean.
class RecordSource {
 public:
  virtual ~RecordSource() = default;
  virtual absl::StatusOr<v1::QueryResponse> Query(const v1::QueryRequest& request) = 0;
  virtual absl::StatusOr<v1::Match> GetRecord(const std::string& id_prefix) = 0;
  virtual absl::StatusOr<v1::ListRecordsResponse> List(const v1::ListRecordsRequest& request) = 0;
  virtual absl::StatusOr<v1::StatsResponse> Stats() = 0;
  // The best of the job's own records for each of its workloads; an empty job means all that a folder has, of whichever
  // job. NotFound for a job that is unknown or has no record. `request` is completed by each workload.
  virtual absl::StatusOr<v1::QueryResponse> Top(const std::string& job_id, v1::QueryRequest request) = 0;
  // A record's workload with its script.
  virtual absl::StatusOr<v1::Workload> GetWorkload(const std::string& id) = 0;
};

// --server and its company, and --work-dir; IsForServer says which of the two counts. With neither, ./hone-work is
// read.
struct RecordSourceFlags {
  ServerFlags server;
  std::string work_dir;

  void Declare(Flags& flags);
  // NotFound when there is neither a server nor a folder; InvalidArgument when both are given as flags.
  absl::StatusOr<std::unique_ptr<RecordSource>> Open() const;
};

std::unique_ptr<RecordSource> RemoteRecords(std::shared_ptr<Connection> connection);
// Reads only; works while another process tunes in the folder.
absl::StatusOr<std::unique_ptr<RecordSource>> FolderRecords(const std::string& folder);

}  // namespace hone::cli
