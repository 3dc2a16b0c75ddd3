// Records of a hone-server. The comments of hone/v1/records.proto say what each call means.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/connection.h"
#include "hone/v1/records.pb.h"

namespace hone {

// Thread-safe. A method blocks until the server has answered or the connection's timeout has passed.
class RecordClient {
 public:
  explicit RecordClient(std::shared_ptr<Connection> connection);
  ~RecordClient();

  absl::StatusOr<v1::QueryResponse> Query(const v1::QueryRequest& request);
  absl::StatusOr<v1::Match> GetRecord(const std::string& id_prefix);
  absl::StatusOr<v1::ListRecordsResponse> ListRecords(const v1::ListRecordsRequest& request);
  absl::StatusOr<v1::Workload> GetWorkload(const v1::GetWorkloadRequest& request);
  absl::StatusOr<v1::CommitResponse> Commit(const v1::CommitRequest& request);
  absl::StatusOr<v1::StatsResponse> Stats();
  absl::StatusOr<v1::PromoteResponse> Promote(const v1::PromoteRequest& request);

  // Sends what `next` gives until it returns false.
  absl::StatusOr<v1::ImportResponse> Import(const std::function<bool(v1::ImportChunk*)>& next);
  absl::Status Export(const v1::ExportRequest& request, const std::function<void(const v1::ExportChunk&)>& on_chunk);

 private:
  struct Stub;
  std::shared_ptr<Connection> connection_;
  std::unique_ptr<Stub> stub_;
};

}  // namespace hone
