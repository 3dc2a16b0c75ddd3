#include "server/tuning/local_farm.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "common/support/check.h"
#include "common/support/clock.h"
#include "common/support/log.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/coordinator/coordinator.h"
#include "server/tuning/record_maker.h"
#include "server/tuning/warm_start.h"

namespace hone {
namespace {

// Closures for one or more threads, in order. Thread-safe.
class TaskQueue {
 public:
  void Push(std::function<void()> task) {
    {
      std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    ready_.notify_one();
  }
  // The next task, after at most `wait`; null when there is none, or when the queue is closed.
  std::function<void()> Pop(std::chrono::milliseconds wait) {
    std::unique_lock lock(mutex_);
    ready_.wait_for(lock, wait, [this] { return !tasks_.empty() || closed_; });
    if (tasks_.empty() || closed_) return nullptr;
    std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    return task;
  }
  void Close() {
    {
      std::lock_guard lock(mutex_);
      closed_ = true;
    }
    ready_.notify_all();
  }
  void Reopen() {
    std::lock_guard lock(mutex_);
    tasks_.clear();
    closed_ = false;
  }
  bool closed() {
    std::lock_guard lock(mutex_);
    return closed_;
  }
  bool empty() {
    std::lock_guard lock(mutex_);
    return tasks_.empty();
  }

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> tasks_;
  bool closed_ = false;
};

}  // namespace

// The thread that calls Run owns the core; the stages' threads get closures and post events back.
class LocalFarm::Impl {
 public:
  Impl(Database& database, SearchRunner& search, Builder& builder, Runner& runner, LocalFarmOptions options,
       Progress progress)
      : database_(database),
        search_(search),
        builder_(builder),
        runner_(runner),
        options_(std::move(options)),
        progress_(std::move(progress)) {}

  absl::StatusOr<JobReport> Run(JobDefinition job) {
    absl::Time now = Clock::Real().Now();
    if (job.id.empty()) job.id = StrCat("local-", absl::ToUnixMillis(now));
    if (job.created == absl::UnixEpoch()) job.created = now;
    HONE_RETURN_IF_ERROR(ValidateJob(job));
    for (TaskDefinition& task : job.tasks) {
      HONE_ASSIGN_OR_RETURN(task.workload.id, CommitWorkload(task.workload));
    }
    const absl::Status warm = AddWarmStarts(database_, {}, DevicesOf(job), job);
    if (!warm.ok() && !absl::IsUnimplemented(warm)) return warm;
    job_ = std::move(job);
    Reset();
    core_.emplace(CoordinatorOptions{});
    core_->SubmitJob(job_, now);
    StartThreads();
    core_->WorkerConnected(Worker(), Now());
    Loop();
    StopThreads();
    HONE_RETURN_IF_ERROR(status_);
    return core_->Report(job_.id, Now());
  }

  void Interrupt() { interrupted_.store(true, std::memory_order_relaxed); }

 private:
  static absl::Time Now() { return Clock::Real().Now(); }

  absl::StatusOr<Digest> CommitWorkload(const Workload& workload) {
    HONE_ASSIGN_OR_RETURN(Workload stored, database_.CommitWorkload(workload));
    stored_id_[workload.id] = stored.id;
    return workload.id;
  }

  // This machine measures all of its tasks.
  DeviceClasses DevicesOf(const JobDefinition& job) const {
    DeviceClasses devices;
    if (options_.device.device_class.empty()) return devices;
    for (const TaskDefinition& task : job.tasks) devices[task.target_json] = {options_.device.device_class};
    return devices;
  }

  WorkerInfo Worker() {
    WorkerInfo info;
    info.name = options_.worker_name;
    // One build ahead of the threads and one run ahead, so that no stage waits for the core.
    info.slots = {1, options_.build_threads + 1, options_.run_threads + 1};
    info.device = options_.device;
    if (info.device.json.empty()) info.device.json = runner_.DeviceFingerprintJson();
    info.revisions = options_.revisions;
    return info;
  }

  void Reset() {
    status_ = absl::OkStatus();
    stopping_ = false;
    running_ = 0;
    live_.clear();
    artifacts_.clear();
    for (TaskQueue* queue : {&events_, &searches_, &builds_, &runs_}) queue->Reopen();
  }

  void StartThreads() {
    auto serve = [](TaskQueue& queue) {
      while (!queue.closed()) {
        if (auto task = queue.Pop(std::chrono::milliseconds(1000))) task();
      }
    };
    threads_.emplace_back([this, serve] { serve(searches_); });
    for (int i = 0; i < options_.build_threads; ++i) threads_.emplace_back([this, serve] { serve(builds_); });
    for (int i = 0; i < options_.run_threads; ++i) threads_.emplace_back([this, serve] { serve(runs_); });
  }

  void StopThreads() {
    for (TaskQueue* queue : {&searches_, &builds_, &runs_}) queue->Close();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  void Loop() {
    absl::Time next_tick = Now();
    while (true) {
      Act();
      bool ended = Ended(core_->FindJob(job_.id)->state());
      if (ended || !status_.ok()) return;
      if (interrupted_.load(std::memory_order_relaxed) && !stopping_) BeginStop();
      if (stopping_ && running_ == 0) {
        (void)core_->CancelJob(job_.id, "interrupted", Now());
        continue;
      }
      if (auto event = events_.Pop(std::chrono::milliseconds(100))) event();
      if (Now() >= next_tick) {
        core_->Heartbeat(options_.worker_name, {live_.begin(), live_.end()}, Now());
        core_->Tick(Now());
        next_tick = Now() + absl::Seconds(1);
        Tell(TuningEvent{});
      }
    }
  }

  // Pausing stops new leases; measurements in progress end and count.
  void BeginStop() {
    stopping_ = true;
    search_.Interrupt();
    (void)core_->PauseJob(job_.id, Now());
  }

  void Tell(TuningEvent event) {
    if (!progress_) return;
    event.report = *core_->Report(job_.id, Now());
    progress_(event);
  }

  void Act() {
    for (std::vector<Action> actions = core_->TakeActions(); !actions.empty(); actions = core_->TakeActions()) {
      std::vector<SaveOutcome> saves;
      for (Action& action : actions) {
        if (auto* save = std::get_if<SaveOutcome>(&action)) {
          saves.push_back(std::move(*save));
        } else {
          std::visit([this](auto& a) { Do(a); }, action);
        }
      }
      Save(saves);
    }
  }

  void Save(const std::vector<SaveOutcome>& saves) {
    std::vector<TuningRecord> records;
    for (const SaveOutcome& save : saves) {
      absl::StatusOr<TuningRecord> record = MakeRecord(job_, save, skeletons_[save.candidate.skeleton_id], Now());
      if (!record.ok()) return Fail(record.status());
      record->workload_id = stored_id_[record->workload_id];
      records.push_back(*std::move(record));
    }
    absl::StatusOr<int64_t> stored = database_.CommitRecords(records);
    if (!stored.ok()) return Fail(stored.status());
    for (const SaveOutcome& save : saves) core_->OutcomeSaved(save.slot, Now());
  }

  void Fail(absl::Status status) {
    if (status_.ok()) status_ = std::move(status);
  }

  void Do(SendCanary&) {}  // This worker never says that it can.

  void Begin(const LeaseToken& token) { live_.insert(token.lease); }
  void End(const LeaseToken& token) { live_.erase(token.lease); }

  void Do(SendSearch& a) {
    Begin(a.token);
    searches_.Push([this, a] {
      absl::StatusOr<FoundRound> found =
          search_.Search(StrCat(a.job_id, "/", a.task), SearchSpecOf(job_, a.task), a.round, a.results);
      events_.Push([this, a, found = std::move(found)]() mutable {
        End(a.token);
        if (!found.ok()) {
          std::string error(found.status().message());
          return core_->SearchFailed(a.worker, a.token, error, absl::IsUnavailable(found.status()), Now());
        }
        for (auto& [id, json] : found->skeletons) skeletons_[id] = std::move(json);
        core_->SearchDone(a.worker, a.token, std::move(found->round), Now());
      });
    });
  }

  void Do(SendBuild& a) {
    Begin(a.token);
    ++running_;
    BuildRequest request;
    request.workload_script = job_.tasks[a.slot.task].workload.script;
    request.target_json = job_.tasks[a.slot.task].target_json;
    request.timeout = job_.build_timeout;
    if (a.candidate.skeleton_id != Digest{}) {
      absl::StatusOr<std::string> trace = JoinSkeleton(skeletons_[a.candidate.skeleton_id], a.candidate.decisions_json);
      if (!trace.ok()) return Fail(trace.status());
      request.trace_json = *std::move(trace);
    }
    builds_.Push([this, a, request = std::move(request)] {
      BuildResult result = std::move(builder_.Build(absl::MakeConstSpan(&request, 1))[0]);
      events_.Push([this, a, result = std::move(result)]() mutable {
        End(a.token);
        --running_;
        if (!result.artifact) {
          return core_->BuildFailed(a.worker, a.token, *result.failure, result.build_time, Now());
        }
        Digest key = result.artifact->key;
        artifacts_[a.slot] = *std::move(result.artifact);
        core_->BuildDone(a.worker, a.token, key, result.build_time, Now());
      });
    });
  }

  void Do(SendRun& a) {
    Begin(a.token);
    ++running_;
    RunRequest request;
    request.artifact = artifacts_.at(a.slot);
    request.workload_script = job_.tasks[a.slot.task].workload.script;
    request.target_json = job_.tasks[a.slot.task].target_json;
    request.policy = job_.policy;
    if (a.best_so_far > 0) request.best_so_far = a.best_so_far;
    request.awaited = [this] { return !runs_.empty(); };
    runs_.Push([this, a, request = std::move(request)] {
      RunResult result = runner_.Run(request);
      events_.Push([this, a, args = request.artifact.args, result = std::move(result)]() mutable {
        End(a.token);
        --running_;
        if (!result.failure || result.failure->kind != FailureKind::kDeviceLost) artifacts_.erase(a.slot);
        core_->RunDone(a.worker, a.token, std::move(result), std::move(args), Now());
      });
    });
  }

  void Do(SendCloseTask& a) {
    searches_.Push([this, a] { search_.Close(StrCat(a.job_id, "/", a.task)); });
  }
  void Do(SendCancel& a) { End(a.token); }
  void Do(SendAck&) {}
  void Do(SendDrain&) {}
  void Do(SaveRound&) {}  // An embedded job is not resumed; its records are kept.
  void Do(SaveOutcome&) {}
  void Do(SaveJobState&) {}
  void Do(NotifyTrial& a) {
    TuningEvent event;
    event.kind = TuningEvent::Kind::kTrial;
    event.slot = a.slot;
    event.run = std::move(a.run);
    event.best = a.best;
    Tell(std::move(event));
  }
  void Do(NotifyLog& a) {
    TuningEvent event;
    event.kind = TuningEvent::Kind::kLog;
    event.log = std::move(a.text);
    Tell(std::move(event));
  }
  void Do(NotifyLost&) {}
  void Do(NotifyState&) { Tell(TuningEvent{}); }

  Database& database_;
  SearchRunner& search_;
  Builder& builder_;
  Runner& runner_;
  const LocalFarmOptions options_;
  const Progress progress_;
  JobDefinition job_;
  std::optional<Coordinator> core_;
  absl::Status status_;
  std::atomic<bool> interrupted_{false};
  bool stopping_ = false;
  int running_ = 0;  // Builds and runs in hand.
  std::set<uint64_t> live_;
  absl::flat_hash_map<Digest, std::string> skeletons_;
  absl::flat_hash_map<Digest, Digest> stored_id_;  // Of an equal workload that the database had already.
  std::map<Slot, Artifact> artifacts_;
  TaskQueue events_, searches_, builds_, runs_;
  std::vector<std::thread> threads_;
};

LocalFarm::LocalFarm(Database& database, SearchRunner& search, Builder& builder, Runner& runner,
                     LocalFarmOptions options, Progress progress)
    : impl_(std::make_unique<Impl>(database, search, builder, runner, std::move(options), std::move(progress))) {}
LocalFarm::~LocalFarm() = default;
absl::StatusOr<JobReport> LocalFarm::Run(JobDefinition job) { return impl_->Run(std::move(job)); }
void LocalFarm::Interrupt() { impl_->Interrupt(); }

}  // namespace hone
