#include "client/cpp/tuning_client.h"

#include <grpcpp/grpcpp.h>

#include <thread>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "client/cpp/call.h"
#include "hone/v1/tuning.grpc.pb.h"

namespace hone {

struct TuningClient::Stub {
  std::unique_ptr<v1::TuningService::Stub> service;
};

TuningClient::TuningClient(std::shared_ptr<Connection> connection)
    : connection_(std::move(connection)), stub_(std::make_unique<Stub>()) {
  stub_->service = v1::TuningService::NewStub(connection_->channel());
}
TuningClient::~TuningClient() = default;

absl::StatusOr<v1::SubmitJobResponse> TuningClient::SubmitJob(const v1::SubmitJobRequest& request) {
  return CallUnary(*connection_, *stub_->service, &v1::TuningService::Stub::SubmitJob, request);
}

absl::StatusOr<v1::JobReport> TuningClient::GetJob(const std::string& job_id, bool with_spec) {
  v1::GetJobRequest request;
  request.set_job_id(job_id);
  request.set_with_spec(with_spec);
  return CallUnary(*connection_, *stub_->service, &v1::TuningService::Stub::GetJob, request);
}

absl::StatusOr<v1::ListJobsResponse> TuningClient::ListJobs(const v1::ListJobsRequest& request) {
  return CallUnary(*connection_, *stub_->service, &v1::TuningService::Stub::ListJobs, request);
}

absl::StatusOr<v1::JobReport> TuningClient::PauseJob(const std::string& job_id) {
  v1::JobControlRequest request;
  request.set_job_id(job_id);
  return CallUnary(*connection_, *stub_->service, &v1::TuningService::Stub::PauseJob, request);
}

absl::StatusOr<v1::JobReport> TuningClient::ResumeJob(const std::string& job_id) {
  v1::JobControlRequest request;
  request.set_job_id(job_id);
  return CallUnary(*connection_, *stub_->service, &v1::TuningService::Stub::ResumeJob, request);
}

absl::StatusOr<v1::JobReport> TuningClient::CancelJob(const std::string& job_id) {
  v1::JobControlRequest request;
  request.set_job_id(job_id);
  return CallUnary(*connection_, *stub_->service, &v1::TuningService::Stub::CancelJob, request);
}

absl::StatusOr<v1::ListWorkersResponse> TuningClient::ListWorkers() {
  return CallUnary(*connection_, *stub_->service, &v1::TuningService::Stub::ListWorkers, v1::ListWorkersRequest());
}

absl::StatusOr<v1::WorkerReport> TuningClient::DrainWorker(const std::string& name, bool undrain) {
  v1::DrainWorkerRequest request;
  request.set_name(name);
  request.set_undrain(undrain);
  return CallUnary(*connection_, *stub_->service, &v1::TuningService::Stub::DrainWorker, request);
}

absl::StatusOr<v1::ServerInfo> TuningClient::GetServerInfo() {
  return CallUnary(*connection_, *stub_->service, &v1::TuningService::Stub::GetServerInfo, v1::ServerInfoRequest());
}

absl::Status TuningClient::WatchOnce(const std::string& job_id, const std::atomic<bool>& stop,
                                     const std::function<void(const v1::JobEvent&)>& on_event, uint64_t* cursor,
                                     bool* ended) {
  grpc::ClientContext context;
  connection_->Prepare(&context, /*stream=*/true);
  v1::WatchJobRequest request;
  request.set_job_id(job_id);
  request.set_cursor(*cursor);
  std::unique_ptr<grpc::ClientReader<v1::JobEvent>> reader = stub_->service->WatchJob(&context, request);
  // Read blocks: another thread ends the stream when the caller wants to stop.
  absl::Notification done;
  std::thread stopper([&] {
    while (!done.WaitForNotificationWithTimeout(absl::Milliseconds(50))) {
      if (stop) context.TryCancel();
    }
  });
  v1::JobEvent event;
  while (reader->Read(&event)) {
    *cursor = std::max(*cursor, event.cursor());
    if (event.has_report() && IsEnded(event.report().state())) *ended = true;
    on_event(event);
  }
  grpc::Status status = reader->Finish();
  done.Notify();
  stopper.join();
  return connection_->ToStatus(status);
}

absl::Status TuningClient::WatchJob(const std::string& job_id, const std::atomic<bool>& stop, absl::Duration patience,
                                    const std::function<void(const v1::JobEvent&)>& on_event) {
  uint64_t cursor = 0;
  bool ended = false;
  absl::Time lost = absl::InfiniteFuture();  // Since when nothing has come.
  for (;;) {
    absl::Status status = WatchOnce(
        job_id, stop,
        [&](const v1::JobEvent& event) {
          lost = absl::InfiniteFuture();
          on_event(event);
        },
        &cursor, &ended);
    if (ended) return absl::OkStatus();
    if (stop) return absl::CancelledError("interrupted");
    const bool again = status.ok() || status.code() == absl::StatusCode::kUnavailable;
    lost = std::min(lost, absl::Now());
    if (!again || absl::Now() - lost > patience) {
      return status.ok() ? absl::UnavailableError("the server ended the stream before the job") : status;
    }
    absl::SleepFor(absl::Milliseconds(300));
  }
}

bool IsEnded(v1::JobState state) {
  return state == v1::JOB_STATE_DONE || state == v1::JOB_STATE_CANCELLED || state == v1::JOB_STATE_FAILED;
}

}  // namespace hone
