#include "server/service/tuning_service.h"

#include <deque>
#include <mutex>
#include <utility>

#include "common/support/clock.h"
#include "server/service/rpc.h"
#include "server/wire/jobs_wire.h"

namespace hone {
namespace {

constexpr size_t kMaxQueuedEvents = 20'000;  // A watcher that reads too slowly is let go.

// Operators see the jobs of all tenants, others their own tenant's.
JobScope ScopeOf(const Identity& identity) {
  return {identity.anonymous || identity.roles.contains(Role::kOperator), identity.tenant};
}

// One WatchJob stream. Kept alive by itself until gRPC is done with it, and by the driver while it watches.
class WatchStream final : public grpc::ServerWriteReactor<v1::JobEvent>, public JobWatcher, public ClosableStream {
 public:
  WatchStream(Driver& driver, StreamCounter& counter, std::string tenant)
      : driver_(driver), counter_(counter), tenant_(std::move(tenant)) {}

  void KeepAlive(std::shared_ptr<WatchStream> self) { self_ = std::move(self); }

  void Send(const v1::JobEvent& event) override {
    std::unique_lock lock(mutex_);
    if (finished_) return;
    if (queue_.size() >= kMaxQueuedEvents) {
      lock.unlock();
      return Close(absl::ResourceExhaustedError("this watcher reads too slowly; watch again from its last cursor"));
    }
    queue_.push_back(event);
    if (queue_.size() == 1) StartWrite(&queue_.front());
  }

  void Close(absl::Status status) override {
    std::lock_guard lock(mutex_);
    if (closing_) return;
    closing_ = true;
    end_ = std::move(status);
    FinishIfDone();
  }

  void OnWriteDone(bool ok) override {
    std::lock_guard lock(mutex_);
    queue_.pop_front();
    if (!ok) {
      queue_.clear();
      closing_ = true;
      end_ = absl::CancelledError("the watcher is gone");
    }
    if (!queue_.empty()) return StartWrite(&queue_.front());
    FinishIfDone();
  }

  void OnCancel() override { Close(absl::CancelledError("the watcher is gone")); }

  void OnDone() override {
    counter_.Close(tenant_);
    driver_.Unwatch(self_);
    self_.reset();  // May delete this.
  }

 private:
  void FinishIfDone() {
    if (!closing_ || finished_ || !queue_.empty()) return;
    finished_ = true;
    grpc::ServerWriteReactor<v1::JobEvent>::Finish(ToGrpc(end_));
  }

  Driver& driver_;
  StreamCounter& counter_;
  const std::string tenant_;
  std::shared_ptr<WatchStream> self_;
  std::mutex mutex_;
  std::deque<v1::JobEvent> queue_;  // The first one is being written.
  bool closing_ = false;
  bool finished_ = false;
  absl::Status end_;
};

// A stream that ends at once with an error.
class RefusedStream final : public grpc::ServerWriteReactor<v1::JobEvent> {
 public:
  explicit RefusedStream(const absl::Status& status) { Finish(ToGrpc(status)); }
  void OnDone() override { delete this; }
};

}  // namespace

void TuningServiceImpl::Audit(const Identity& identity, std::string action, std::string subject,
                              const absl::Status& outcome) {
  std::string code = outcome.ok() ? "ok" : absl::StatusCodeToString(outcome.code());
  driver_.Audit({Clock::Real().Now(), identity.name, std::move(action), std::move(subject), std::move(code)});
}

grpc::ServerUnaryReactor* TuningServiceImpl::SubmitJob(grpc::CallbackServerContext* context,
                                                       const v1::SubmitJobRequest* request,
                                                       v1::SubmitJobResponse* response) {
  absl::StatusOr<Identity> identity = Authorize(gate_, *context, "TuningService/SubmitJob");
  if (!identity.ok()) return Refuse(context, identity.status());
  absl::StatusOr<JobDefinition> job = FromProto(request->spec());
  if (!job.ok()) return Refuse(context, job.status());
  job->request_id = request->request_id();
  job->created_by = identity->name;
  for (TaskDefinition& task : job->tasks) task.warm_starts.clear();  // Ours to find, among what the caller may read.
  if (!identity->anonymous) {
    job->tenant = identity->tenant;
    if (job->pool.empty()) job->pool = identity->tenant;
    if (job->pool != identity->tenant) {
      return Refuse(context, absl::PermissionDeniedError("a job writes to its tenant's own pool only"));
    }
  }
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  driver_.SubmitJob(*std::move(job), PoolsFor(*identity),
                    [this, reactor, response, who = *identity](absl::StatusOr<v1::SubmitJobResponse> result) {
                      Audit(who, "SubmitJob", result.ok() ? result->job_id() : "", result.status());
                      Finish(reactor, response, std::move(result));
                    });
  return reactor;
}

grpc::ServerUnaryReactor* TuningServiceImpl::GetJob(grpc::CallbackServerContext* context,
                                                    const v1::GetJobRequest* request, v1::JobReport* response) {
  absl::StatusOr<Identity> identity = Authorize(gate_, *context, "TuningService/GetJob");
  if (!identity.ok()) return Refuse(context, identity.status());
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  driver_.GetJob(
      ScopeOf(*identity), request->job_id(), request->with_spec(),
      [reactor, response](absl::StatusOr<v1::JobReport> result) { Finish(reactor, response, std::move(result)); });
  return reactor;
}

grpc::ServerUnaryReactor* TuningServiceImpl::ListJobs(grpc::CallbackServerContext* context,
                                                      const v1::ListJobsRequest* request,
                                                      v1::ListJobsResponse* response) {
  absl::StatusOr<Identity> identity = Authorize(gate_, *context, "TuningService/ListJobs");
  if (!identity.ok()) return Refuse(context, identity.status());
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  driver_.ListJobs(ScopeOf(*identity), *request, [reactor, response](absl::StatusOr<v1::ListJobsResponse> result) {
    Finish(reactor, response, std::move(result));
  });
  return reactor;
}

grpc::ServerWriteReactor<v1::JobEvent>* TuningServiceImpl::WatchJob(grpc::CallbackServerContext* context,
                                                                    const v1::WatchJobRequest* request) {
  absl::StatusOr<Identity> identity = Authorize(gate_, *context, "TuningService/WatchJob");
  if (!identity.ok()) return new RefusedStream(identity.status());
  absl::Status room = gate_.streams().Open(identity->tenant, gate_.limits().Of(identity->tenant).streams);
  if (!room.ok()) return new RefusedStream(room);
  auto stream = std::make_shared<WatchStream>(driver_, gate_.streams(), identity->tenant);
  stream->KeepAlive(stream);
  open_streams_.Add(stream, "TuningService/WatchJob", AuthorizationOf(*context));
  driver_.WatchJob(ScopeOf(*identity), request->job_id(), request->cursor(), stream);
  return stream.get();
}

grpc::ServerUnaryReactor* TuningServiceImpl::PauseJob(grpc::CallbackServerContext* context,
                                                      const v1::JobControlRequest* request, v1::JobReport* response) {
  absl::StatusOr<Identity> identity = Authorize(gate_, *context, "TuningService/PauseJob");
  if (!identity.ok()) return Refuse(context, identity.status());
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  driver_.PauseJob(ScopeOf(*identity), request->job_id(),
                   [this, reactor, request, response, who = *identity](absl::StatusOr<v1::JobReport> result) {
                     Audit(who, "PauseJob", request->job_id(), result.status());
                     Finish(reactor, response, std::move(result));
                   });
  return reactor;
}

grpc::ServerUnaryReactor* TuningServiceImpl::ResumeJob(grpc::CallbackServerContext* context,
                                                       const v1::JobControlRequest* request, v1::JobReport* response) {
  absl::StatusOr<Identity> identity = Authorize(gate_, *context, "TuningService/ResumeJob");
  if (!identity.ok()) return Refuse(context, identity.status());
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  driver_.ResumeJob(ScopeOf(*identity), request->job_id(),
                    [this, reactor, request, response, who = *identity](absl::StatusOr<v1::JobReport> result) {
                      Audit(who, "ResumeJob", request->job_id(), result.status());
                      Finish(reactor, response, std::move(result));
                    });
  return reactor;
}

grpc::ServerUnaryReactor* TuningServiceImpl::CancelJob(grpc::CallbackServerContext* context,
                                                       const v1::JobControlRequest* request, v1::JobReport* response) {
  absl::StatusOr<Identity> identity = Authorize(gate_, *context, "TuningService/CancelJob");
  if (!identity.ok()) return Refuse(context, identity.status());
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  driver_.CancelJob(ScopeOf(*identity), request->job_id(), "cancelled by " + identity->name,
                    [this, reactor, request, response, who = *identity](absl::StatusOr<v1::JobReport> result) {
                      Audit(who, "CancelJob", request->job_id(), result.status());
                      Finish(reactor, response, std::move(result));
                    });
  return reactor;
}

grpc::ServerUnaryReactor* TuningServiceImpl::ListWorkers(grpc::CallbackServerContext* context,
                                                         const v1::ListWorkersRequest*,
                                                         v1::ListWorkersResponse* response) {
  absl::StatusOr<Identity> identity = Authorize(gate_, *context, "TuningService/ListWorkers");
  if (!identity.ok()) return Refuse(context, identity.status());
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  driver_.ListWorkers(ScopeOf(*identity), [reactor, response](absl::StatusOr<v1::ListWorkersResponse> result) {
    Finish(reactor, response, std::move(result));
  });
  return reactor;
}

grpc::ServerUnaryReactor* TuningServiceImpl::DrainWorker(grpc::CallbackServerContext* context,
                                                         const v1::DrainWorkerRequest* request,
                                                         v1::WorkerReport* response) {
  absl::StatusOr<Identity> identity = Authorize(gate_, *context, "TuningService/DrainWorker");
  if (!identity.ok()) return Refuse(context, identity.status());
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  driver_.DrainWorker(request->name(), request->undrain(),
                      [this, reactor, request, response, who = *identity](absl::StatusOr<v1::WorkerReport> r) {
                        Audit(who, request->undrain() ? "UndrainWorker" : "DrainWorker", request->name(), r.status());
                        Finish(reactor, response, std::move(r));
                      });
  return reactor;
}

grpc::ServerUnaryReactor* TuningServiceImpl::GetServerInfo(grpc::CallbackServerContext* context,
                                                           const v1::ServerInfoRequest*, v1::ServerInfo* response) {
  absl::StatusOr<Identity> identity = Authorize(gate_, *context, "TuningService/GetServerInfo");
  if (!identity.ok()) return Refuse(context, identity.status());
  *response = info_;
  response->set_leader_epoch(driver_.leader_epoch());
  return Refuse(context, absl::OkStatus());
}

}  // namespace hone
