#include "server/service/driver.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <thread>
#include <utility>

#include "common/support/clock.h"
#include "common/support/log.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/wire/protocol.h"
#include "common/wire/records_wire.h"
#include "server/service/committer.h"
#include "server/service/job_events.h"
#include "server/service/lease_wire.h"
#include "server/tuning/record_maker.h"
#include "server/tuning/warm_start.h"
#include "server/wire/jobs_wire.h"

namespace hone {
namespace {

constexpr size_t kMaxTargetBytes = 64u << 10;
constexpr int kMaxBuildKinds = 16;
constexpr size_t kMaxDecisionsBytes = 1u << 20;
constexpr int kMaxJsonDepth = 64;
constexpr int kListedJobs = 100;
constexpr uint32_t kMaxListedJobs = 1000;

constexpr char kAway[] = "the database does not answer; outcomes wait for it";

absl::Time Now() { return Clock::Real().Now(); }

// Sorts by time of creation; unique without asking anybody.
std::string NewJobId(absl::Time now) {
  static std::random_device random;
  static std::mutex mutex;
  std::lock_guard lock(mutex);
  char text[32];
  std::snprintf(text, sizeof(text), "j%011llx%06x", static_cast<unsigned long long>(absl::ToUnixMillis(now)),
                random() & 0xffffff);
  return text;
}

// Closures for the core's thread. Thread-safe.
class EventQueue {
 public:
  void Push(std::function<void()> event) {
    bool wake;
    {
      std::lock_guard lock(mutex_);
      wake = events_.empty();
      events_.push_back(std::move(event));
    }
    if (wake) ready_.notify_one();
  }
  // Everything that has gathered; empty after `wait` without any.
  std::vector<std::function<void()>> TakeAll(std::chrono::milliseconds wait) {
    std::unique_lock lock(mutex_);
    ready_.wait_for(lock, wait, [this] { return !events_.empty(); });
    return std::exchange(events_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  std::vector<std::function<void()>> events_;
};

}  // namespace

// Fields without a comment belong to the core's thread.
class Driver::Impl {
 public:
  Impl(Store& store, BlobStore& blobs, DriverOptions options, std::function<void(absl::Status)> fatal)
      : store_(store), blobs_(blobs), options_(std::move(options)), fatal_(std::move(fatal)) {}

  absl::Status Start() {
    HONE_ASSIGN_OR_RETURN(options_.coordinator.leader_epoch, store_.Lead());
    HONE_ASSIGN_OR_RETURN(std::vector<StoredJob> jobs, store_.LoadActiveJobs());
    core_.emplace(options_.coordinator);
    for (const auto& [tenant, limits] : options_.limits.tenants) core_->SetTenantWeight(tenant, limits.weight);
    events_of_jobs_.emplace(options_.coordinator.leader_epoch);
    committer_.emplace(store_, fatal_);
    for (StoredJob& job : jobs) Restore(std::move(job));
    Act();
    HONE_LOG(kInfo) << "leading with epoch " << options_.coordinator.leader_epoch << ", " << jobs.size()
                    << " jobs to go on with";
    thread_ = std::thread([this] { Loop(); });
    return absl::OkStatus();
  }

  void Stop() {
    if (!thread_.joinable()) return;
    stopping_ = true;
    Post([] {});
    thread_.join();
    absl::Status gone = absl::UnavailableError("the server is stopping");
    for (auto& [name, link] : links_) link->Close(gone);
    events_of_jobs_->CloseAll(gone);
    committer_.reset();
  }

  void Post(std::function<void()> event) { queue_.Push(std::move(event)); }
  uint64_t leader_epoch() const { return options_.coordinator.leader_epoch; }

  // --- Jobs.
  void Submit(JobDefinition job, std::vector<std::string> pools, Done<v1::SubmitJobResponse> done) {
    job.created = Now();
    job.id = NewJobId(job.created);
    absl::Status fits = WithinQuota(job);
    if (fits.ok()) fits = committer_->Accepts();
    if (!fits.ok()) return done(fits);
    Coordinator::TenantLoad& submitting = submitting_[job.tenant];
    ++submitting.jobs;
    submitting.open_trials += job.max_trials;
    DeviceClasses devices;
    for (const TaskDefinition& task : job.tasks) {
      devices.try_emplace(task.target_json, core_->workers().DeviceClassesFor(task.target_json));
    }
    committer_->Run([this, devices = std::move(devices), job = std::move(job), pools = std::move(pools),
                     done = std::move(done)]() mutable {
      absl::Status warm = AddWarmStarts(store_.records(), pools, devices, job);
      if (!warm.ok()) {
        HONE_LOG(kWarning).With("job", job.id) << "starts from no records: " << ToStd(warm.message());
      }
      absl::StatusOr<Inserted> inserted = store_.InsertJob(job);
      Post([this, job, done, inserted] {
        --submitting_[job.tenant].jobs;
        submitting_[job.tenant].open_trials -= job.max_trials;
        if (!inserted.ok()) return done(inserted.status());
        Submitted(job, *inserted, done);
      });
    });
  }

  void Submitted(const JobDefinition& job, const Inserted& inserted, const Done<v1::SubmitJobResponse>& done) {
    if (!inserted.existed) {
      for (const TaskDefinition& task : job.tasks) {
        blobs_.Put(BlobKind::kWorkload, task.workload.id, task.workload.script);
        blobs_.Pin(job.id, BlobKind::kWorkload, task.workload.id);
      }
      HONE_LOG(kInfo).With("job", job.id).With("tenant", job.tenant).With("by", job.created_by)
          << "job submitted: " << job.tasks.size() << " tasks, " << job.max_trials << " trials";
      core_->SubmitJob(job, Now());
    }
    v1::SubmitJobResponse response;
    response.set_job_id(inserted.job_id);
    response.set_existed(inserted.existed);
    done(response);
  }

  absl::Status WithinQuota(const JobDefinition& job) {
    const TenantLimits& limits = options_.limits.Of(job.tenant);
    Coordinator::TenantLoad load = core_->LoadOf(job.tenant);
    const Coordinator::TenantLoad& submitting = submitting_[job.tenant];
    if (load.jobs + submitting.jobs >= limits.jobs) {
      return absl::ResourceExhaustedError(
          StrCat("tenant \"", job.tenant, "\" has ", load.jobs, " jobs that have not ended, as many as it may"));
    }
    int64_t trials = load.open_trials + submitting.open_trials + job.max_trials;
    if (trials > limits.open_trials) {
      return absl::ResourceExhaustedError(StrCat("tenant \"", job.tenant, "\" would have ", trials,
                                                 " trials to do, expected at most ", limits.open_trials));
    }
    return absl::OkStatus();
  }

  // The job in memory, when there is one in scope; others are looked for in the store, with the same scope.
  const JobRun* LiveJob(const JobScope& scope, const std::string& id) const {
    const JobRun* job = core_->FindJob(id);
    return job != nullptr && scope.Covers(job->definition()) ? job : nullptr;
  }

  void Get(const JobScope& scope, const std::string& id, bool with_spec, Done<v1::JobReport> done) {
    if (LiveJob(scope, id) == nullptr) return GetStored(scope, id, with_spec, std::move(done));
    v1::JobReport report = ReportOf(id);
    if (with_spec) *report.mutable_spec() = ToProto(core_->FindJob(id)->definition());
    done(report);
  }

  void GetStored(const JobScope& scope, const std::string& id, bool with_spec, Done<v1::JobReport> done) {
    absl::Status accepts = committer_->Accepts();
    if (!accepts.ok()) return done(accepts);
    committer_->Run([this, scope, id, with_spec, done] {
      absl::StatusOr<std::optional<JobSummary>> summary = store_.FindJob(id);
      if (!summary.ok()) return done(summary.status());
      if (!*summary || !scope.Covers((*summary)->definition))
        return done(absl::NotFoundError(StrCat("no job \"", id, "\"")));
      v1::JobReport report = StoredReport(**summary);
      if (with_spec) *report.mutable_spec() = ToProto((*summary)->definition);
      done(report);
    });
  }

  static v1::JobReport StoredReport(const JobSummary& summary) {
    v1::JobReport report;
    report.ParseFromString(summary.report);
    report.set_id(summary.definition.id);
    report.set_name(summary.definition.name);
    report.set_state(ToProto(summary.state));
    report.set_created_unix_secs(ToUnixSecs(summary.definition.created));
    return report;
  }

  void List(const JobScope& scope, const v1::ListJobsRequest& request, Done<v1::ListJobsResponse> done) {
    absl::Status accepts = committer_->Accepts();
    if (!accepts.ok()) return done(accepts);
    JobListRequest wanted{request.before(), kListedJobs, request.all(), std::nullopt};
    if (request.limit() > 0) wanted.limit = static_cast<int>(std::min<uint32_t>(request.limit(), kMaxListedJobs));
    if (!scope.all) wanted.tenant = scope.tenant;
    std::map<std::string, v1::JobReport> live;
    for (const std::string& id : core_->JobIds()) live[id] = ReportOf(id);
    committer_->Run([this, wanted = std::move(wanted), done, live = std::move(live)] {
      absl::StatusOr<std::vector<JobSummary>> jobs = store_.ListJobs(wanted);
      if (!jobs.ok()) return done(jobs.status());
      v1::ListJobsResponse response;
      for (const JobSummary& job : *jobs) {
        auto it = live.find(job.definition.id);
        *response.add_jobs() = it != live.end() ? it->second : StoredReport(job);
      }
      done(response);
    });
  }

  void Control(const JobScope& scope, const std::string& id, const std::function<absl::Status(Coordinator&)>& command,
               Done<v1::JobReport> done) {
    // Not in memory: ended long ago, or not the caller's.
    if (LiveJob(scope, id) == nullptr) return GetStored(scope, id, false, std::move(done));
    absl::Status status = committer_->Accepts();
    if (status.ok()) status = command(*core_);
    if (!status.ok()) return done(status);
    Act();  // So that the new state is queued for storing,
    v1::JobReport report = ReportOf(id);
    committer_->Run([done = std::move(done), report] { done(report); });  // and durable when we answer.
  }

  v1::JobReport ReportOf(const std::string& id) {
    absl::StatusOr<JobReport> report = core_->Report(id, Now());
    if (!report.ok()) return {};
    if (!Ended(report->state) && committer_->stats().away) report->reason = kAway;
    return ToProto(*report);
  }

  // --- Watching.
  void Watch(const JobScope& scope, const std::string& id, uint64_t cursor, std::shared_ptr<JobWatcher> watcher) {
    const JobRun* job = LiveJob(scope, id);
    if (job == nullptr) {
      return GetStored(scope, id, false, [watcher](absl::StatusOr<v1::JobReport> report) {
        if (report.ok()) {
          v1::JobEvent event;
          *event.mutable_report() = *report;
          watcher->Send(event);
        }
        watcher->Close(report.status());
      });
    }
    v1::JobEvent now = EventNow();
    *now.mutable_report() = ReportOf(id);
    events_of_jobs_->Watch(id, cursor, std::move(now), watcher);
    if (Ended(job->state())) events_of_jobs_->CloseWatchers(id, absl::OkStatus());
  }

  static v1::JobEvent EventNow() {
    v1::JobEvent event;
    event.set_unix_secs(ToUnixSecs(Now()));
    return event;
  }

  // --- Workers.
  void Opened(std::shared_ptr<WorkerLink> link, const v1::Register& r) {
    absl::Status acceptable = CheckRegistration(r);
    if (!acceptable.ok()) return link->Close(acceptable);
    auto old = links_.find(r.name());
    if (old != links_.end()) {
      names_.erase(old->second.get());
      old->second->Close(absl::AbortedError(StrCat("a newer worker took the name ", r.name())));
    }
    links_[r.name()] = link;
    names_[link.get()] = r.name();
    v1::ServerMessage hello;
    v1::Registered& registered = *hello.mutable_registered();
    registered.set_leader_epoch(leader_epoch());
    registered.set_heartbeat_secs(absl::ToDoubleSeconds(options_.coordinator.heartbeat));
    registered.set_lease_secs(absl::ToDoubleSeconds(options_.coordinator.lease_timeout));
    *registered.mutable_revisions() = ToProto(options_.revisions);
    link->Send(std::move(hello));
    HONE_LOG(kInfo).With("worker", r.name()) << "worker connected";
    core_->WorkerConnected(WorkerInfoOf(r), Now());
  }

  absl::Status CheckRegistration(const v1::Register& r) const {
    bool printable = std::all_of(r.name().begin(), r.name().end(), [](char c) { return c > ' ' && c < 127; });
    if (r.name().empty() || r.name().size() > 200 || !printable) {
      return absl::InvalidArgumentError("a worker's name has 1 to 200 printable ASCII characters and no blanks");
    }
    HONE_RETURN_IF_ERROR(CheckJsonShape("target_json", r.target_json(), kMaxTargetBytes, kMaxJsonDepth));
    if (r.build_kinds_size() > kMaxBuildKinds) {
      return absl::InvalidArgumentError(StrCat("worker ", r.name(), " builds for ", r.build_kinds_size(),
                                               " kinds, expected at most ", kMaxBuildKinds));
    }
    HONE_RETURN_IF_ERROR(CheckJsonShape("device.json", r.device().json(), kMaxTargetBytes, kMaxJsonDepth));
    if (r.roles().empty()) return absl::InvalidArgumentError(StrCat("worker ", r.name(), " has no role"));
    uint32_t protocol = r.revisions().protocol();
    if (protocol + 1 < kProtocol || protocol > kProtocol + 1) {
      return absl::InvalidArgumentError(StrCat("worker ", r.name(), " speaks protocol ", protocol, ", this server ",
                                               kProtocol, ": update the older one"));
    }
    const uint32_t semantics = r.revisions().trace_semantics(), ours = options_.revisions.trace_semantics;
    if (semantics != 0 && ours != 0 && semantics != ours) {
      return absl::InvalidArgumentError(StrCat("worker ", r.name(), " replays traces by version ", semantics,
                                               " of their semantics, this server's are of version ", ours,
                                               ": update the older one"));
    }
    if (r.synthetic() && !options_.allow_synthetic) {
      return absl::InvalidArgumentError("synthetic devices are refused: the server runs without --allow-synthetic");
    }
    if (r.seen_leader_epoch() > leader_epoch()) {
      return absl::FailedPreconditionError(
          StrCat("worker ", r.name(), " has seen leader ", r.seen_leader_epoch(), ", this is ", leader_epoch()));
    }
    return absl::OkStatus();
  }

  void Said(const std::shared_ptr<WorkerLink>& link, const v1::WorkerMessage& message) {
    auto it = names_.find(link.get());
    if (it == names_.end()) return;  // Replaced.
    const std::string name = it->second;
    if (!core_->workers().all().contains(name)) {  // Silent for so long that it was forgotten.
      return link->Close(absl::UnavailableError(StrCat("worker ", name, " is not known any more: register again")));
    }
    switch (message.kind_case()) {
      case v1::WorkerMessage::kHeartbeat: {
        std::vector<uint64_t> leases(message.heartbeat().leases().begin(), message.heartbeat().leases().end());
        return core_->Heartbeat(name, leases, Now());
      }
      case v1::WorkerMessage::kBuildDone:
        return BuildDone(name, message.build_done());
      case v1::WorkerMessage::kRunDone:
        return RunDone(name, message.run_done());
      case v1::WorkerMessage::kSearchDone:
        return SearchDone(name, message.search_done());
      case v1::WorkerMessage::kLeaseReturned: {
        const v1::LeaseReturned& r = message.lease_returned();
        return core_->LeaseReturned(name, FromProto(r.token()), {r.reason(), r.worker_fault(), r.artifact_missing()},
                                    Now());
      }
      case v1::WorkerMessage::kCanaryDone:
        return CanaryDone(name, message.canary_done());
      case v1::WorkerMessage::kGoodbye:
        HONE_LOG(kInfo).With("worker", name) << "worker left: " << message.goodbye().reason();
        links_.erase(name);
        names_.erase(link.get());
        core_->WorkerGone(name, Now());
        return link->Close(absl::OkStatus());
      case v1::WorkerMessage::kRegister:
        return link->Close(absl::InvalidArgumentError("Register is the first message only"));
      case v1::WorkerMessage::KIND_NOT_SET:
        return;  // Of a newer worker.
    }
  }

  void BuildDone(const std::string& name, const v1::BuildDone& done) {
    LeaseToken token = FromProto(done.token());
    absl::Duration took = absl::Seconds(done.build_secs());
    if (done.has_failure()) {
      absl::StatusOr<Failure> failure = FromProto(done.failure());
      if (failure.ok()) return core_->BuildFailed(name, token, *std::move(failure), took, Now());
      return core_->LeaseReturned(name, token, {"a failure without a kind", true, false}, Now());
    }
    absl::StatusOr<Digest> key = DigestFromBytes(done.artifact_key(), "artifact_key");
    if (!key.ok() || blobs_.Get(BlobKind::kArtifact, *key) == nullptr) {
      return core_->LeaseReturned(name, token, {"its artifact was not uploaded", true, false}, Now());
    }
    core_->BuildDone(name, token, *key, took, Now());
  }

  void RunDone(const std::string& name, const v1::RunDone& done) {
    LeaseToken token = FromProto(done.token());
    absl::StatusOr<RunResult> run = FromProto(done.measurement());
    if (!run.ok()) {
      return core_->LeaseReturned(name, token, {std::string(run.status().message()), true, false}, Now());
    }
    std::vector<TensorInfo> args;
    for (const v1::TensorInfo& arg : done.measurement().args()) args.push_back(FromProto(arg));
    core_->RunDone(name, token, *std::move(run), std::move(args), Now());
  }

  void CanaryDone(const std::string& name, const v1::CanaryDone& done) {
    RunResult run;
    run.median = done.secs();
    if (done.has_failure() || !(done.secs() > 0)) {
      run.failure = Failure{FailureKind::kRun, done.has_failure() ? done.failure().message() : "no time was given"};
    }
    core_->CanaryDone(name, FromProto(done.token()), run, Now());
  }

  void SearchDone(const std::string& name, const v1::SearchDone& done) {
    LeaseToken token = FromProto(done.token());
    if (!done.error().empty()) return core_->SearchFailed(name, token, done.error(), done.retry(), Now());
    absl::StatusOr<SearchRound> round = SearchRoundOf(done);
    for (int i = 0; round.ok() && i < done.candidates_size(); ++i) {
      absl::Status fits =
          CheckJsonShape("decisions_json", done.candidates(i).decisions_json(), kMaxDecisionsBytes, kMaxJsonDepth);
      if (!fits.ok()) round = fits;
    }
    if (!round.ok()) {
      return core_->SearchFailed(name, token, std::string(round.status().message()), true, Now());
    }
    for (const SearchCandidate& candidate : round->candidates) {
      const std::shared_ptr<const std::string> skeleton = blobs_.Get(BlobKind::kSkeleton, candidate.skeleton_id);
      if (skeleton == nullptr) {
        return core_->SearchFailed(name, token, "a skeleton was not uploaded", /*retry=*/true, Now());
      }
      if (stored_skeletons_.contains(candidate.skeleton_id)) continue;
      const absl::Status fits = CheckTraceInstructions("a skeleton", *skeleton, options_.max_trace_instructions);
      if (!fits.ok()) {
        return core_->SearchFailed(name, token, std::string(fits.message()), /*retry=*/false, Now());
      }
    }
    core_->SearchDone(name, token, *std::move(round), Now());
  }

  void Closed(const std::shared_ptr<WorkerLink>& link) {
    auto it = names_.find(link.get());
    if (it == names_.end()) return;
    HONE_LOG(kInfo).With("worker", it->second) << "worker's stream ended";
    core_->WorkerDisconnected(it->second, Now());
    links_.erase(it->second);
    names_.erase(it);
  }

  v1::ListWorkersResponse Workers(const JobScope& scope) const {
    v1::ListWorkersResponse response;
    for (const auto& [name, worker] : core_->workers().all()) *response.add_workers() = ReportOf(worker, scope);
    for (const Coordinator::TargetQueue& queue : core_->TargetQueues()) *response.add_queues() = QueueToProto(queue);
    Coordinator::Queues queues = core_->queues();
    response.set_queued_builds(queues.builds);
    response.set_queued_runs(queues.runs);
    response.set_queued_searches(queues.searches);
    return response;
  }

  v1::WorkerReport ReportOf(const WorkerState& worker, const JobScope& scope) const {
    v1::WorkerReport report = WorkerToProto(worker, core_->now());
    if (committer_->stats().away) report.add_doing(kAway);
    auto covers = [&](const std::string& id) {
      const JobRun* job = core_->FindJob(id);
      return job != nullptr && scope.Covers(job->definition());
    };
    for (Coordinator::Activity& activity : core_->Doing(worker)) {
      bool shown = activity.job_id.empty() || covers(activity.job_id);
      report.add_doing(shown ? std::move(activity.text) : "other work");
    }
    return report;
  }

  void Drain(const std::string& name, bool undrain, Done<v1::WorkerReport> done) {
    absl::Status status = core_->DrainWorker(name, undrain, Now());
    if (!status.ok()) return done(status);
    done(ReportOf(core_->workers().all().find(name)->second, JobScope()));
  }

  void FillStats(DriverStats& stats) const {
    Committer::Stats c = committer_->stats();
    stats = stats_;
    stats.commits = c.commits;
    stats.committed_records = c.records;
    stats.commit_failures = c.failures;
    stats.commit_secs = c.secs;
    stats.store_away = c.away;
    stats.pending_writes = c.pending;
    stats.leader_epoch = leader_epoch();
    stats.counts = core_->counts();
    for (const auto& [name, worker] : core_->workers().all()) {
      stats.quarantined_workers += worker.health.Quarantined(core_->now());
    }
    stats.workers = links_.size();
    stats.leases = core_->num_leases();
    stats.jobs = core_->JobIds().size();
    stats.queues = core_->queues();
  }

  Committer& committer() { return *committer_; }
  Coordinator& core() { return *core_; }
  JobEvents& job_events() { return *events_of_jobs_; }

 private:
  void Restore(StoredJob job) {
    for (auto& [id, json] : job.skeletons) {
      blobs_.Put(BlobKind::kSkeleton, id, std::move(json));
      blobs_.Pin(job.definition.id, BlobKind::kSkeleton, id);
      stored_skeletons_.insert(id);
    }
    for (const TaskDefinition& task : job.definition.tasks) {
      blobs_.Put(BlobKind::kWorkload, task.workload.id, task.workload.script);
      blobs_.Pin(job.definition.id, BlobKind::kWorkload, task.workload.id);
    }
    core_->RestoreJob(std::move(job.definition), job.state, job.reason, job.ended, job.rounds, job.outcomes, Now());
  }

  void Loop() {
    absl::Time next_tick = Now();
    while (!stopping_) {
      for (auto& event : queue_.TakeAll(std::chrono::milliseconds(200))) {
        event();
        Act();
      }
      if (Now() < next_tick) continue;
      core_->Tick(Now());
      Act();
      EverySecond();
      next_tick = Now() + absl::Seconds(1);
    }
  }

  void EverySecond() {
    for (const std::string& id : events_of_jobs_->Watched()) {
      v1::JobEvent event = EventNow();
      *event.mutable_report() = ReportOf(id);
      events_of_jobs_->Publish(id, std::move(event), /*keep=*/false);
    }
    for (auto it = ended_.begin(); it != ended_.end();) {
      if (it->second > Now()) {
        ++it;
        continue;
      }
      core_->ForgetJob(it->first);
      if (core_->FindJob(it->first) == nullptr) events_of_jobs_->Forget(it->first);
      it = core_->FindJob(it->first) == nullptr ? ended_.erase(it) : std::next(it);
    }
  }

  // Carries out what the core asked for. Writes go to the committer in one piece, in order.
  void Act() {
    for (std::vector<Action> actions = core_->TakeActions(); !actions.empty(); actions = core_->TakeActions()) {
      WriteBatch write;
      std::vector<Slot> saved;
      for (Action& action : actions) {
        std::visit([&](auto& a) { Do(a, write, saved); }, action);
      }
      if (!write.empty()) AddWrite(std::move(write), std::move(saved));
      // A watcher that sees the end may ask for the records at once: it is told after they are durable.
      for (const std::string& id : std::exchange(newly_ended_, {})) {
        committer_->Run([this, id] { Post([this, id] { events_of_jobs_->CloseWatchers(id, absl::OkStatus()); }); });
      }
    }
  }

  void AddWrite(WriteBatch write, std::vector<Slot> saved) {
    committer_->Add(std::move(write), [this, saved = std::move(saved)] {
      if (saved.empty()) return;
      Post([this, saved] {
        for (const Slot& slot : saved) core_->OutcomeSaved(slot, Now());
      });
    });
  }

  void SendTo(const std::string& worker, v1::ServerMessage message) {
    auto it = links_.find(worker);
    if (it != links_.end()) it->second->Send(std::move(message));
  }

  const JobDefinition& JobOf(const std::string& id) const { return core_->FindJob(id)->definition(); }

  static void LogLease(std::string_view role, const std::string& worker, const std::string& job,
                       const LeaseToken& token) {
    HONE_LOG(kDebug).With("job", job).With("lease", token.lease).With("attempt", token.attempt).With("worker", worker)
        << "a " << role << " lease is given";
  }
  void Do(SendSearch& a, WriteBatch&, std::vector<Slot>&) {
    ++stats_.search_leases;
    LogLease("search", a.worker, a.job_id, a.token);
    SendTo(a.worker, SearchMessage(a, JobOf(a.job_id)));
  }
  void Do(SendBuild& a, WriteBatch&, std::vector<Slot>&) {
    ++stats_.build_leases;
    LogLease("build", a.worker, a.slot.job_id, a.token);
    SendTo(a.worker, BuildMessage(a, JobOf(a.slot.job_id)));
  }
  void Do(SendRun& a, WriteBatch&, std::vector<Slot>&) {
    ++stats_.run_leases;
    LogLease("run", a.worker, a.slot.job_id, a.token);
    SendTo(a.worker, RunMessage(a, JobOf(a.slot.job_id)));
  }
  void Do(SendCancel& a, WriteBatch&, std::vector<Slot>&) {
    v1::ServerMessage message;
    *message.mutable_cancel()->mutable_token() = ToProto(a.token);
    SendTo(a.worker, std::move(message));
  }
  void Do(SendAck& a, WriteBatch&, std::vector<Slot>&) {
    v1::ServerMessage message;
    message.mutable_ack()->mutable_leases()->Add(a.leases.begin(), a.leases.end());
    SendTo(a.worker, std::move(message));
  }
  void Do(SendCloseTask& a, WriteBatch&, std::vector<Slot>&) {
    v1::ServerMessage message;
    message.mutable_close_task()->set_job_id(a.job_id);
    message.mutable_close_task()->set_task(a.task);
    SendTo(a.worker, std::move(message));
  }
  void Do(SendCanary& a, WriteBatch&, std::vector<Slot>&) {
    v1::ServerMessage message;
    *message.mutable_canary()->mutable_token() = ToProto(a.token);
    SendTo(a.worker, std::move(message));
  }
  void Do(SendDrain& a, WriteBatch&, std::vector<Slot>&) {
    v1::ServerMessage message;
    message.mutable_drain()->set_undrain(a.undrain);
    SendTo(a.worker, std::move(message));
  }
  void Do(SaveRound& a, WriteBatch& write, std::vector<Slot>&) {
    for (const SearchCandidate& candidate : a.plan.candidates) {
      blobs_.Pin(a.job_id, BlobKind::kSkeleton, candidate.skeleton_id);
      if (!stored_skeletons_.insert(candidate.skeleton_id).second) continue;
      write.skeletons.emplace_back(candidate.skeleton_id, *blobs_.Get(BlobKind::kSkeleton, candidate.skeleton_id));
    }
    write.rounds.emplace_back(a.job_id, std::move(a.plan));
  }
  void Do(SaveOutcome& a, WriteBatch& write, std::vector<Slot>& saved) {
    std::shared_ptr<const std::string> skeleton = blobs_.Get(BlobKind::kSkeleton, a.candidate.skeleton_id);
    absl::StatusOr<TuningRecord> record =
        MakeRecord(JobOf(a.slot.job_id), a, skeleton == nullptr ? "" : *skeleton, Now());
    if (!record.ok()) {  // The search gave a skeleton that is no trace: the record keeps the outcome without it.
      HONE_LOG(kError) << "record without a trace: " << record.status().ToString();
      record = MakeRecord(JobOf(a.slot.job_id), a, "", Now());
    }
    write.records.push_back(*std::move(record));
    saved.push_back(a.slot);
  }
  void Do(SaveJobState& a, WriteBatch& write, std::vector<Slot>&) {
    JobChange change;
    change.job_id = a.job_id;
    change.state = a.state;
    change.reason = a.reason;
    if (Ended(a.state)) change.ended = Now();
    change.report = ReportOf(a.job_id).SerializeAsString();
    write.jobs.push_back(std::move(change));
  }
  void Do(NotifyTrial& a, WriteBatch&, std::vector<Slot>&) {
    v1::JobEvent event = EventNow();
    v1::TrialEvent& trial = *event.mutable_trial();
    *trial.mutable_slot() = ToProto(a.slot);
    trial.set_metric(ToProto(a.run.metric));
    trial.set_median(a.run.median);
    if (a.run.failure) *trial.mutable_failure() = ToProto(*a.run.failure);
    trial.set_best(a.best);
    trial.set_worker(a.worker);
    events_of_jobs_->Publish(a.slot.job_id, std::move(event), /*keep=*/true);
  }
  void Do(NotifyLog& a, WriteBatch&, std::vector<Slot>&) {
    v1::JobEvent event = EventNow();
    event.set_log(a.text);
    events_of_jobs_->Publish(a.job_id, std::move(event), /*keep=*/true);
  }
  void Do(NotifyLost& a, WriteBatch&, std::vector<Slot>&) {
    HONE_LOG(kWarning).With("job", a.job_id).With("lease", a.lease).With("worker", a.worker)
        << "a " << WorkerRoleName(a.role) << " lease was lost: " << a.cause;
  }
  void Do(NotifyState& a, WriteBatch&, std::vector<Slot>&) {
    const JobRun& job = *core_->FindJob(a.job_id);
    HONE_LOG(kInfo).With("job", a.job_id)
        << "the job is " << JobStateName(job.state()) << (job.reason().empty() ? "" : ": ") << job.reason();
    v1::JobEvent event = EventNow();
    *event.mutable_report() = ReportOf(a.job_id);
    events_of_jobs_->Publish(a.job_id, std::move(event), /*keep=*/true);
    if (!Ended(core_->FindJob(a.job_id)->state())) return;
    blobs_.Unpin(a.job_id);
    ended_.emplace(a.job_id, Now() + options_.keep_ended);
    newly_ended_.push_back(a.job_id);
  }

  Store& store_;
  BlobStore& blobs_;
  DriverOptions options_;
  const std::function<void(absl::Status)> fatal_;
  EventQueue queue_;  // Thread-safe.
  std::atomic<bool> stopping_{false};
  std::optional<Coordinator> core_;
  std::optional<JobEvents> events_of_jobs_;
  std::optional<Committer> committer_;  // Thread-safe.
  std::map<std::string, std::shared_ptr<WorkerLink>> links_;
  std::map<WorkerLink*, std::string> names_;
  std::set<Digest> stored_skeletons_;
  std::map<std::string, absl::Time> ended_;                    // When to forget.
  std::vector<std::string> newly_ended_;                       // Since the last write was queued.
  std::map<std::string, Coordinator::TenantLoad> submitting_;  // By tenant: jobs on their way to the store.
  DriverStats stats_;
  std::thread thread_;
};

Driver::Driver(Store& store, BlobStore& blobs, DriverOptions options, std::function<void(absl::Status)> fatal)
    : impl_(std::make_unique<Impl>(store, blobs, std::move(options), std::move(fatal))) {}
Driver::~Driver() { Stop(); }
absl::Status Driver::Start() { return impl_->Start(); }
void Driver::Stop() { impl_->Stop(); }
uint64_t Driver::leader_epoch() const { return impl_->leader_epoch(); }

void Driver::SubmitJob(JobDefinition job, std::vector<std::string> pools, Done<v1::SubmitJobResponse> done) {
  absl::Status valid = ValidateJob(job);
  if (!valid.ok()) return done(valid);
  impl_->Post([this, job = std::move(job), pools = std::move(pools), done = std::move(done)]() mutable {
    impl_->Submit(std::move(job), std::move(pools), std::move(done));
  });
}
void Driver::GetJob(JobScope scope, std::string id, bool with_spec, Done<v1::JobReport> done) {
  impl_->Post([this, scope, id, with_spec, done] { impl_->Get(scope, id, with_spec, done); });
}
void Driver::ListJobs(JobScope scope, v1::ListJobsRequest request, Done<v1::ListJobsResponse> done) {
  impl_->Post([this, scope, request, done] { impl_->List(scope, request, done); });
}
void Driver::PauseJob(JobScope scope, std::string id, Done<v1::JobReport> done) {
  impl_->Post([this, scope, id, done] {
    impl_->Control(
        scope, id, [&id](Coordinator& core) { return core.PauseJob(id, Now()); }, done);
  });
}
void Driver::ResumeJob(JobScope scope, std::string id, Done<v1::JobReport> done) {
  impl_->Post([this, scope, id, done] {
    impl_->Control(
        scope, id, [&id](Coordinator& core) { return core.ResumeJob(id, Now()); }, done);
  });
}
void Driver::CancelJob(JobScope scope, std::string id, std::string reason, Done<v1::JobReport> done) {
  impl_->Post([this, scope, id, reason, done] {
    impl_->Control(
        scope, id, [&](Coordinator& core) { return core.CancelJob(id, reason, Now()); }, done);
  });
}
void Driver::ListWorkers(JobScope scope, Done<v1::ListWorkersResponse> done) {
  impl_->Post([this, scope, done] { done(impl_->Workers(scope)); });
}
void Driver::DrainWorker(std::string name, bool undrain, Done<v1::WorkerReport> done) {
  impl_->Post([this, name, undrain, done] { impl_->Drain(name, undrain, done); });
}
void Driver::WatchJob(JobScope scope, std::string id, uint64_t cursor, std::shared_ptr<JobWatcher> watcher) {
  impl_->Post([this, scope, id, cursor, watcher] { impl_->Watch(scope, id, cursor, watcher); });
}
void Driver::Unwatch(const std::shared_ptr<JobWatcher>& watcher) {
  impl_->Post([this, watcher] { impl_->job_events().Unwatch(watcher); });
}
void Driver::Audit(AuditEntry entry) {
  WriteBatch write;
  write.audit.push_back(std::move(entry));
  impl_->committer().Add(std::move(write), nullptr);
}
void Driver::Stats(Done<DriverStats> done) {
  impl_->Post([this, done] {
    DriverStats stats;
    impl_->FillStats(stats);
    done(stats);
  });
}
void Driver::WorkerOpened(std::shared_ptr<WorkerLink> link, v1::Register registration) {
  impl_->Post([this, link, registration] { impl_->Opened(link, registration); });
}
void Driver::WorkerSaid(const std::shared_ptr<WorkerLink>& link, v1::WorkerMessage message) {
  impl_->Post([this, link, message = std::move(message)] { impl_->Said(link, message); });
}
void Driver::WorkerClosed(const std::shared_ptr<WorkerLink>& link) {
  impl_->Post([this, link] { impl_->Closed(link); });
}

}  // namespace hone
