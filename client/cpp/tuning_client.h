// Jobs and workers of a hone-server. The comments of hone/v1/tuning.proto say what each call means.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/connection.h"
#include "hone/v1/tuning.pb.h"

namespace hone {

// Thread-safe. A method blocks until the server has answered or the connection's timeout has passed.
class TuningClient {
 public:
  explicit TuningClient(std::shared_ptr<Connection> connection);
  ~TuningClient();

  absl::StatusOr<v1::SubmitJobResponse> SubmitJob(const v1::SubmitJobRequest& request);
  absl::StatusOr<v1::JobReport> GetJob(const std::string& job_id, bool with_spec = false);
  absl::StatusOr<v1::ListJobsResponse> ListJobs(const v1::ListJobsRequest& request);
  absl::StatusOr<v1::JobReport> PauseJob(const std::string& job_id);
  absl::StatusOr<v1::JobReport> ResumeJob(const std::string& job_id);
  absl::StatusOr<v1::JobReport> CancelJob(const std::string& job_id);
  absl::StatusOr<v1::ListWorkersResponse> ListWorkers();
  absl::StatusOr<v1::WorkerReport> DrainWorker(const std::string& name, bool undrain);
  absl::StatusOr<v1::ServerInfo> GetServerInfo();

  // Gives every event to `on_event` until the job has ended; reconnects for up to `patience` when the server goes away
  // and continues after the last event. Cancelled: `stop` became true.
  absl::Status WatchJob(const std::string& job_id, const std::atomic<bool>& stop, absl::Duration patience,
                        const std::function<void(const v1::JobEvent&)>& on_event);

 private:
  struct Stub;
  // Events from `cursor` on until the stream ends. `cursor` is kept up to date; `ended` tells that the job has ended.
  absl::Status WatchOnce(const std::string& job_id, const std::atomic<bool>& stop,
                         const std::function<void(const v1::JobEvent&)>& on_event, uint64_t* cursor, bool* ended);

  std::shared_ptr<Connection> connection_;
  std::unique_ptr<Stub> stub_;
};

// Whether a job in this state can still change.
bool IsEnded(v1::JobState state);

}  // namespace hone
