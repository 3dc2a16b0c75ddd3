#include "worker/agent/agent.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "common/support/log.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/wire/records_wire.h"
#include "hone/v1/worker.grpc.pb.h"
#include "server/coordinator/job.h"
#include "server/wire/jobs_wire.h"
#include "worker/agent/blob_client.h"

namespace hone {
namespace {

using Milliseconds = std::chrono::milliseconds;

// One stream to the server. Messages that arrive and the end of the stream go to `on_message` and `on_end`, which are
// called from gRPC's threads.
class Stream final : public grpc::ClientBidiReactor<v1::WorkerMessage, v1::ServerMessage> {
 public:
  Stream(v1::WorkerService::Stub& stub, const std::string& token, std::function<void(v1::ServerMessage)> on_message)
      : on_message_(std::move(on_message)) {
    if (!token.empty()) context_.AddMetadata("authorization", "Bearer " + token);
    stub.async()->Connect(&context_, this);
    AddHold();  // For writes that start outside of reactions.
    StartRead(&incoming_);
    StartCall();
  }

  void Send(v1::WorkerMessage message) {
    std::lock_guard lock(mutex_);
    if (closing_) return;
    queue_.push_back(std::move(message));
    if (queue_.size() == 1) StartWrite(&queue_.front());
  }

  // Ends our side once everything is written.
  void CloseWhenWritten() {
    std::lock_guard lock(mutex_);
    if (closing_) return;
    closing_ = true;
    CloseIfIdle();
  }

  void Cancel() { context_.TryCancel(); }

  bool WaitDone(Milliseconds wait) {
    std::unique_lock lock(mutex_);
    return ended_.wait_for(lock, wait, [this] { return done_; });
  }
  grpc::Status status() {
    std::lock_guard lock(mutex_);
    return status_;
  }

  void OnReadDone(bool ok) override {
    if (!ok) return CloseWhenWritten();
    v1::ServerMessage message;
    message.Swap(&incoming_);
    on_message_(std::move(message));
    StartRead(&incoming_);
  }
  void OnWriteDone(bool ok) override {
    std::lock_guard lock(mutex_);
    queue_.pop_front();
    if (!ok) {
      queue_.clear();
      closing_ = true;
    }
    if (!queue_.empty()) return StartWrite(&queue_.front());
    CloseIfIdle();
  }
  void OnDone(const grpc::Status& status) override {
    std::lock_guard lock(mutex_);
    status_ = status;
    done_ = true;
    ended_.notify_all();
  }

 private:
  void CloseIfIdle() {
    if (!closing_ || closed_ || !queue_.empty()) return;
    closed_ = true;
    StartWritesDone();
    RemoveHold();
  }

  grpc::ClientContext context_;
  const std::function<void(v1::ServerMessage)> on_message_;
  v1::ServerMessage incoming_;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::deque<v1::WorkerMessage> queue_;  // The first one is being written.
  bool closing_ = false, closed_ = false, done_ = false;
  grpc::Status status_;
};

uint64_t RandomNumber() {
  std::random_device random;
  return (uint64_t{random()} << 32) | random();
}

}  // namespace

class Agent::Impl {
 public:
  Impl(std::shared_ptr<grpc::Channel> channel, AgentOptions options, AgentRoles roles)
      : options_(std::move(options)),
        roles_(roles),
        stub_(v1::WorkerService::NewStub(channel)),
        blobs_(channel, options_.token, dropping_),
        incarnation_(RandomNumber()) {}

  absl::Status Run() {
    StartThreads();
    absl::Status status = Serve();
    {
      std::lock_guard lock(mutex_);
      closed_ = true;
    }
    dropping_ = true;
    if (roles_.search != nullptr && !status.ok()) roles_.search->Interrupt();
    ready_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    return status;
  }

  void Stop() {
    if (stopping_.exchange(true)) dropping_ = true;
  }

 private:
  enum Stage { kSearch, kBuild, kRun };
  struct Work {
    Stage stage;
    uint64_t lease = 0;
    v1::ServerMessage message;
  };

  // --- The stream.
  absl::Status Serve() {
    Milliseconds backoff(100);
    absl::Time last_contact = absl::Now();
    while (true) {
      absl::StatusOr<bool> contact = ServeOneStream();
      if (!contact.ok()) return contact.status();
      if (*contact) {
        backoff = Milliseconds(100);
        last_contact = absl::Now();
      }
      if (stopping_ && (dropping_ || Idle())) return absl::OkStatus();
      if (absl::Now() - last_contact > options_.patience) {
        return absl::UnavailableError("no server was reached; last: " + last_error_);
      }
      Sleep(backoff / 2 + Milliseconds(RandomNumber() % (backoff.count() / 2 + 1)));
      backoff = std::min(backoff * 2, Milliseconds(absl::ToInt64Milliseconds(options_.max_backoff)));
    }
  }

  void Sleep(Milliseconds duration) {
    for (auto end = std::chrono::steady_clock::now() + duration;
         std::chrono::steady_clock::now() < end && !stopping_;) {
      std::this_thread::sleep_for(Milliseconds(20));
    }
  }

  // Whether the server accepted us; an error when it never will.
  absl::StatusOr<bool> ServeOneStream() {
    registered_ = false;
    Stream stream(*stub_, options_.token, [this](v1::ServerMessage message) { Arrived(std::move(message)); });
    stream.Send(Registration());
    auto next_heartbeat = std::chrono::steady_clock::now();
    bool resent = false, said_goodbye = false;
    while (!stream.WaitDone(Milliseconds(stopping_ ? 10 : 50))) {
      if (!registered_) continue;
      if (!resent) Attach(&stream);
      resent = true;
      if (std::chrono::steady_clock::now() >= next_heartbeat) {
        stream.Send(HeartbeatMessage());
        next_heartbeat = std::chrono::steady_clock::now() + Milliseconds(heartbeat_ms_.load());
      }
      if (stopping_) ReturnQueued();
      if (stopping_ && !said_goodbye && (dropping_ || Idle())) {
        said_goodbye = true;
        v1::WorkerMessage goodbye;
        goodbye.mutable_goodbye()->set_reason("stopped");
        stream.Send(std::move(goodbye));
        Attach(nullptr);
        stream.CloseWhenWritten();
      }
    }
    Attach(nullptr);
    return Judge(stream.status());
  }

  absl::StatusOr<bool> Judge(const grpc::Status& status) {
    absl::Status ended(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
    if (!status.ok()) {
      last_error_ = status.error_message();
      HONE_LOG(kWarning) << "stream ended: " << status.error_message();
    }
    switch (status.error_code()) {
      case grpc::StatusCode::INVALID_ARGUMENT:
      case grpc::StatusCode::ABORTED:
      case grpc::StatusCode::UNAUTHENTICATED:
      case grpc::StatusCode::PERMISSION_DENIED:
        return ended;
      default:
        return registered_.load();
    }
  }

  v1::WorkerMessage Registration() const {
    v1::WorkerMessage message;
    v1::Register& r = *message.mutable_register_();
    r.set_name(options_.name);
    if (roles_.search != nullptr) r.add_roles(v1::ROLE_SEARCH);
    if (roles_.builder != nullptr) r.add_roles(v1::ROLE_BUILD);
    if (roles_.runner != nullptr) r.add_roles(v1::ROLE_RUN);
    *r.mutable_device() = ToProto(options_.device);
    *r.mutable_revisions() = ToProto(options_.revisions);
    r.set_target_json(options_.target_json);
    for (const std::string& kind : options_.build_kinds) r.add_build_kinds(kind);
    r.set_build_slots(options_.build_threads + 1);  // One ahead, so that no thread waits for the server.
    r.set_run_slots(options_.run_threads + 1);
    r.set_incarnation(incarnation_);
    r.set_seen_leader_epoch(seen_epoch_);
    r.set_synthetic(options_.synthetic);
    r.set_canary(roles_.runner != nullptr && roles_.canary != nullptr);
    return message;
  }

  v1::WorkerMessage HeartbeatMessage() {
    v1::WorkerMessage message;
    v1::Heartbeat& heartbeat = *message.mutable_heartbeat();
    std::lock_guard lock(mutex_);
    for (uint64_t lease : held_) heartbeat.add_leases(lease);
    for (const auto& [lease, outcome] : unacked_) heartbeat.add_leases(lease);
    return message;
  }

  // From now on outcomes go to `stream` (null: nowhere); what was not acknowledged goes first.
  void Attach(Stream* stream) {
    std::lock_guard lock(mutex_);
    stream_ = stream;
    if (stream == nullptr) return;
    for (const auto& [lease, outcome] : unacked_) stream->Send(outcome);
  }

  bool Idle() {
    std::lock_guard lock(mutex_);
    return held_.empty() && unacked_.empty();
  }

  // --- What arrives.
  void Arrived(v1::ServerMessage message) {
    switch (message.kind_case()) {
      case v1::ServerMessage::kRegistered:
        return OnRegistered(message.registered());
      case v1::ServerMessage::kSearch:
        return Enqueue(kSearch, std::move(message));
      case v1::ServerMessage::kBuild:
        return Enqueue(kBuild, std::move(message));
      case v1::ServerMessage::kRun:
        return Enqueue(kRun, std::move(message));
      case v1::ServerMessage::kCanary:
        return Enqueue(kRun, std::move(message));
      case v1::ServerMessage::kCancel:
        return OnCancelLease(message.cancel().token().lease());
      case v1::ServerMessage::kAck: {
        std::lock_guard lock(mutex_);
        for (uint64_t lease : message.ack().leases()) unacked_.erase(lease);
        return;
      }
      case v1::ServerMessage::kCloseTask:
        return Enqueue(kSearch, std::move(message));
      case v1::ServerMessage::kDrain:
        HONE_LOG(kInfo) << (message.drain().undrain() ? "undrained" : "draining") << " by the server";
        return;
      case v1::ServerMessage::KIND_NOT_SET:
        return;  // Of a newer server.
    }
  }

  void OnRegistered(const v1::Registered& registered) {
    if (registered.leader_epoch() < seen_epoch_) {
      HONE_LOG(kWarning) << "ignoring a server that leads no more epoch=" << registered.leader_epoch();
      return;
    }
    std::lock_guard lock(mutex_);
    if (registered.leader_epoch() != seen_epoch_) {
      // Leases of an earlier leader are void; so are their outcomes.
      for (Work& work : queue_) held_.erase(work.lease);
      queue_.clear();
      unacked_.clear();
      held_.clear();
      ++generation_;
    }
    seen_epoch_ = registered.leader_epoch();
    heartbeat_ms_ = std::clamp<int>(static_cast<int>(registered.heartbeat_secs() * 1000), 50, 60'000);
    registered_ = true;
    HONE_LOG(kInfo).With("worker", options_.name).With("leader_epoch", registered.leader_epoch()) << "registered";
  }

  static uint64_t LeaseOf(const v1::ServerMessage& message) {
    if (message.has_search()) return message.search().token().lease();
    if (message.has_build()) return message.build().token().lease();
    if (message.has_run()) return message.run().token().lease();
    if (message.has_canary()) return message.canary().token().lease();
    return 0;
  }

  void Enqueue(Stage stage, v1::ServerMessage message) {
    std::lock_guard lock(mutex_);
    uint64_t lease = LeaseOf(message);
    if (lease != 0 && !held_.insert(lease).second) return;
    queue_.push_back({stage, lease, std::move(message)});
    ready_.notify_all();
  }

  void OnCancelLease(uint64_t lease) {
    std::lock_guard lock(mutex_);
    for (auto it = queue_.begin(); it != queue_.end(); ++it) {
      if (it->lease != lease) continue;
      queue_.erase(it);
      break;
    }
    held_.erase(lease);  // Work in progress ends unheard.
    unacked_.erase(lease);
  }

  // Draining: what has not been started goes back.
  void ReturnQueued() {
    std::vector<Work> back;
    {
      std::lock_guard lock(mutex_);
      for (Work& work : queue_) back.push_back(std::move(work));
      queue_.clear();
    }
    for (Work& work : back) {
      if (work.lease != 0) Finish(work.lease, Returned(work.message, "the worker drains", false, false), generation_);
    }
  }

  // --- The work.
  void StartThreads() {
    if (roles_.search != nullptr) threads_.emplace_back([this] { ServeStage(kSearch); });
    for (int i = 0; roles_.runner != nullptr && i < options_.run_threads; ++i) {
      threads_.emplace_back([this] { ServeStage(kRun); });
    }
    if (roles_.builder == nullptr) return;
    for (int i = 0; i < options_.build_threads; ++i) threads_.emplace_back([this] { ServeStage(kBuild); });
  }

  // Whether work for this stage has arrived that nobody has begun.
  bool Waits(Stage stage) {
    std::lock_guard lock(mutex_);
    return std::any_of(queue_.begin(), queue_.end(), [stage](const Work& work) { return work.stage == stage; });
  }

  void ServeStage(Stage stage) {
    while (true) {
      Work work;
      uint64_t generation;
      {
        std::unique_lock lock(mutex_);
        auto mine = [&] {
          return std::find_if(queue_.begin(), queue_.end(), [&](const Work& w) { return w.stage == stage; });
        };
        ready_.wait(lock, [&] { return closed_ || mine() != queue_.end(); });
        if (closed_) return;
        auto it = mine();
        work = std::move(*it);
        queue_.erase(it);
        generation = generation_;
      }
      if (work.message.has_close_task()) {
        roles_.search->Close(TaskKey(work.message.close_task().job_id(), work.message.close_task().task()));
        continue;
      }
      v1::WorkerMessage outcome = work.message.has_canary() ? TimeCanary(work.message.canary())
                                  : stage == kSearch        ? Search(work.message.search())
                                  : stage == kBuild         ? Build(work.message)
                                                            : Measure(work.message);
      Finish(work.lease, std::move(outcome), generation);
    }
  }

  // Keeps the outcome until it is acknowledged. One of an earlier leader's lease, or a cancelled one, is dropped.
  void Finish(uint64_t lease, v1::WorkerMessage outcome, uint64_t generation) {
    std::lock_guard lock(mutex_);
    if (generation != generation_ || held_.erase(lease) == 0) return;
    HONE_LOG(kDebug).With("lease", lease) << "the lease has an outcome";
    v1::WorkerMessage& kept = unacked_[lease] = std::move(outcome);
    if (stream_ != nullptr) stream_->Send(kept);
  }

  static std::string TaskKey(const std::string& job, uint32_t task) { return StrCat(job, "/", task); }

  static v1::WorkerMessage Returned(const v1::ServerMessage& message, std::string reason, bool worker_fault,
                                    bool artifact_missing) {
    v1::WorkerMessage answer;
    v1::LeaseReturned& returned = *answer.mutable_lease_returned();
    *returned.mutable_token() = message.has_build()    ? message.build().token()
                                : message.has_run()    ? message.run().token()
                                : message.has_canary() ? message.canary().token()
                                                       : message.search().token();
    HONE_LOG(kWarning).With("lease", returned.token().lease()) << "the lease goes back: " << reason;
    returned.set_reason(std::move(reason));
    returned.set_worker_fault(worker_fault);
    returned.set_artifact_missing(artifact_missing);
    return answer;
  }

  v1::WorkerMessage TimeCanary(const v1::CanaryOrder& order) {
    v1::WorkerMessage answer;
    v1::CanaryDone& done = *answer.mutable_canary_done();
    *done.mutable_token() = order.token();
    RunResult run = roles_.canary();
    done.set_secs(run.median);
    if (run.failure) *done.mutable_failure() = ToProto(*run.failure);
    return answer;
  }

  v1::WorkerMessage Search(const v1::SearchLease& lease) {
    v1::WorkerMessage answer;
    v1::SearchDone& done = *answer.mutable_search_done();
    *done.mutable_token() = lease.token();
    absl::Status status = SearchInto(lease, done);
    if (!status.ok()) {
      done.set_error(std::string(status.message()));
      // A workload or target that cannot be tuned stays so; everything else may go better elsewhere.
      done.set_retry(!absl::IsInvalidArgument(status) && !absl::IsFailedPrecondition(status));
    }
    return answer;
  }

  absl::Status SearchInto(const v1::SearchLease& lease, v1::SearchDone& done) {
    v1::JobSpec spec = lease.job();
    *spec.add_tasks() = lease.task_spec();
    HONE_ASSIGN_OR_RETURN(JobDefinition job, FromProto(spec));
    SearchTaskSpec task = SearchSpecOf(job, 0);
    task.task_index = lease.task();
    task.max_trials = lease.max_trials();
    std::vector<std::vector<SearchResult>> results;
    for (const v1::SearchResults& round : lease.results()) {
      std::vector<SearchResult>& list = results.emplace_back();
      for (const v1::SearchResult& proto : round.results()) {
        SearchResult& result = list.emplace_back();
        if (proto.has_failure()) {
          HONE_ASSIGN_OR_RETURN(result.failure, FromProto(proto.failure()));
        }
        result.median_secs = proto.median_secs();
      }
    }
    HONE_ASSIGN_OR_RETURN(FoundRound found,
                          roles_.search->Search(TaskKey(lease.job_id(), lease.task()), task, lease.round(), results));
    for (const auto& [id, json] : found.skeletons) HONE_RETURN_IF_ERROR(StoreSkeletonOnce(lease.job_id(), id, json));
    for (const SearchCandidate& candidate : found.round.candidates) {
      v1::SearchCandidate& proto = *done.add_candidates();
      proto.set_skeleton_id(candidate.skeleton_id.Raw());
      proto.set_decisions_json(candidate.decisions_json);
      proto.set_predicted_score(candidate.predicted_score);
    }
    done.set_log(found.round.log);
    done.set_search_secs(found.round.search_secs);
    done.set_model_secs(found.round.model_secs);
    return absl::OkStatus();
  }

  // Once a job in a server's life: the server may forget a skeleton when the job ends. Only the search thread calls it.
  absl::Status StoreSkeletonOnce(const std::string& job_id, const Digest& id, const std::string& json) {
    if (skeletons_epoch_ != seen_epoch_ || skeletons_job_ != job_id) stored_skeletons_.clear();
    skeletons_epoch_ = seen_epoch_;
    skeletons_job_ = job_id;
    if (stored_skeletons_.contains(id)) return absl::OkStatus();
    HONE_RETURN_IF_ERROR(blobs_.StoreSkeleton(id, json));
    stored_skeletons_.insert(id);
    return absl::OkStatus();
  }

  v1::WorkerMessage Build(const v1::ServerMessage& message) {
    const v1::BuildLease& lease = message.build();
    absl::StatusOr<BuildRequest> request = RequestOf(lease);
    if (!request.ok()) return Returned(message, std::string(request.status().message()), true, false);
    BuildResult result = std::move(roles_.builder->Build(absl::MakeConstSpan(&*request, 1))[0]);
    v1::WorkerMessage answer;
    v1::BuildDone& done = *answer.mutable_build_done();
    *done.mutable_token() = lease.token();
    done.set_build_secs(absl::ToDoubleSeconds(result.build_time));
    if (!result.artifact) {
      *done.mutable_failure() = ToProto(*result.failure);
      return answer;
    }
    absl::Status stored = blobs_.StoreArtifact(*result.artifact);
    if (!stored.ok()) return Returned(message, std::string(stored.message()), true, false);
    done.set_artifact_key(result.artifact->key.Raw());
    done.set_size_bytes(result.artifact->bytes.size());
    return answer;
  }

  absl::StatusOr<BuildRequest> RequestOf(const v1::BuildLease& lease) {
    BuildRequest request;
    HONE_ASSIGN_OR_RETURN(Digest workload, DigestFromBytes(lease.candidate().workload_id(), "workload_id"));
    HONE_ASSIGN_OR_RETURN(request.workload_script, blobs_.Workload(workload));
    HONE_ASSIGN_OR_RETURN(Digest skeleton, DigestFromBytes(lease.candidate().skeleton_id(), "skeleton_id"));
    if (skeleton != Digest{}) {
      HONE_ASSIGN_OR_RETURN(std::string json, blobs_.Skeleton(skeleton));
      HONE_ASSIGN_OR_RETURN(request.trace_json, JoinSkeleton(json, lease.candidate().decisions_json()));
    }
    request.target_json = lease.target_json();
    if (lease.timeout_secs() > 0) request.timeout = absl::Seconds(lease.timeout_secs());
    if (lease.memory_bytes() > 0) request.memory_bytes = lease.memory_bytes();
    return request;
  }

  v1::WorkerMessage Measure(const v1::ServerMessage& message) {
    const v1::RunLease& lease = message.run();
    RunRequest request;
    absl::Status status = FillRun(lease, request);
    if (!status.ok()) {
      bool missing = absl::IsNotFound(status);
      return Returned(message, std::string(status.message()), /*worker_fault=*/!missing, missing);
    }
    RunResult run = roles_.runner->Run(request);
    v1::WorkerMessage answer;
    v1::RunDone& done = *answer.mutable_run_done();
    *done.mutable_token() = lease.token();
    *done.mutable_measurement() = ToProto(run);
    for (const TensorInfo& arg : request.artifact.args) *done.mutable_measurement()->add_args() = ToProto(arg);
    return answer;
  }

  absl::Status FillRun(const v1::RunLease& lease, RunRequest& request) {
    HONE_ASSIGN_OR_RETURN(Digest workload, DigestFromBytes(lease.workload_id(), "workload_id"));
    HONE_ASSIGN_OR_RETURN(request.workload_script, blobs_.Workload(workload));
    HONE_ASSIGN_OR_RETURN(Digest key, DigestFromBytes(lease.artifact_key(), "artifact_key"));
    HONE_ASSIGN_OR_RETURN(request.artifact, blobs_.FetchArtifact(key));
    request.target_json = lease.target_json();
    request.policy = FromProto(lease.policy());
    if (lease.best_so_far() > 0) request.best_so_far = lease.best_so_far();
    request.awaited = [this] { return Waits(kRun) || stopping_; };
    return absl::OkStatus();
  }

  const AgentOptions options_;
  const AgentRoles roles_;
  std::unique_ptr<v1::WorkerService::Stub> stub_;
  std::atomic<bool> stopping_{false}, dropping_{false}, registered_{false};
  std::atomic<uint64_t> seen_epoch_{0};
  std::atomic<int> heartbeat_ms_{5000};
  BlobClient blobs_;
  const uint64_t incarnation_;
  std::string last_error_ = "none";

  std::mutex mutex_;  // Guards all below.
  std::condition_variable ready_;
  std::deque<Work> queue_;
  std::set<uint64_t> held_;                        // Leases queued or worked on.
  std::map<uint64_t, v1::WorkerMessage> unacked_;  // Outcomes by lease.
  uint64_t generation_ = 0;                        // Of the leader whose leases we hold.
  Stream* stream_ = nullptr;
  bool closed_ = false;

  std::set<Digest> stored_skeletons_;  // These three: the search thread only.
  uint64_t skeletons_epoch_ = 0;
  std::string skeletons_job_;
  std::vector<std::thread> threads_;
};

Agent::Agent(std::shared_ptr<grpc::Channel> channel, AgentOptions options, AgentRoles roles)
    : impl_(std::make_unique<Impl>(std::move(channel), std::move(options), roles)) {}
Agent::~Agent() = default;
absl::Status Agent::Run() { return impl_->Run(); }
void Agent::Stop() { impl_->Stop(); }

}  // namespace hone
