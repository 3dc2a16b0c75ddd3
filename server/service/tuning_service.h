// TuningService on the callback API: translates and gives everything to the driver.
#pragma once

#include <memory>
#include <string>

#include "hone/v1/tuning.grpc.pb.h"
#include "server/service/driver.h"
#include "server/service/gate.h"
#include "server/service/open_streams.h"

namespace hone {

class TuningServiceImpl final : public v1::TuningService::CallbackService {
 public:
  // All must outlive it.
  TuningServiceImpl(Driver& driver, Gate& gate, OpenStreams& open_streams, v1::ServerInfo info)
      : driver_(driver), gate_(gate), open_streams_(open_streams), info_(info) {}

  grpc::ServerUnaryReactor* SubmitJob(grpc::CallbackServerContext* context, const v1::SubmitJobRequest* request,
                                      v1::SubmitJobResponse* response) override;
  grpc::ServerUnaryReactor* GetJob(grpc::CallbackServerContext* context, const v1::GetJobRequest* request,
                                   v1::JobReport* response) override;
  grpc::ServerUnaryReactor* ListJobs(grpc::CallbackServerContext* context, const v1::ListJobsRequest* request,
                                     v1::ListJobsResponse* response) override;
  grpc::ServerWriteReactor<v1::JobEvent>* WatchJob(grpc::CallbackServerContext* context,
                                                   const v1::WatchJobRequest* request) override;
  grpc::ServerUnaryReactor* PauseJob(grpc::CallbackServerContext* context, const v1::JobControlRequest* request,
                                     v1::JobReport* response) override;
  grpc::ServerUnaryReactor* ResumeJob(grpc::CallbackServerContext* context, const v1::JobControlRequest* request,
                                      v1::JobReport* response) override;
  grpc::ServerUnaryReactor* CancelJob(grpc::CallbackServerContext* context, const v1::JobControlRequest* request,
                                      v1::JobReport* response) override;
  grpc::ServerUnaryReactor* ListWorkers(grpc::CallbackServerContext* context, const v1::ListWorkersRequest* request,
                                        v1::ListWorkersResponse* response) override;
  grpc::ServerUnaryReactor* DrainWorker(grpc::CallbackServerContext* context, const v1::DrainWorkerRequest* request,
                                        v1::WorkerReport* response) override;
  grpc::ServerUnaryReactor* GetServerInfo(grpc::CallbackServerContext* context, const v1::ServerInfoRequest* request,
                                          v1::ServerInfo* response) override;

 private:
  void Audit(const Identity& identity, std::string action, std::string subject, const absl::Status& outcome);

  Driver& driver_;
  Gate& gate_;
  OpenStreams& open_streams_;
  const v1::ServerInfo info_;
};

}  // namespace hone
