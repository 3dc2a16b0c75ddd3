#include "server/coordinator/coordinator.h"

#include <algorithm>
#include <utility>

#include "common/support/check.h"
#include "common/support/strings.h"

namespace hone {
namespace {

// The lines of a search's log, each with the task that it is of.
std::string LogOfTask(const TaskDefinition& task, std::string_view log) {
  std::string text;
  while (!log.empty()) {
    const std::string_view line = log.substr(0, log.find('\n'));
    StrAppend(&text, task.name, ": ", line, "\n");
    log.remove_prefix(std::min(log.size(), line.size() + 1));
  }
  return text;
}

}  // namespace

void Coordinator::Advance(absl::Time wall) {
  wall_ = wall;
  now_ = time_.Read(wall);
  CountIdle();  // What was idle since the last event, before this one changes it.
}

void Coordinator::SubmitJob(JobDefinition definition, absl::Time wall) {
  RestoreJob(std::move(definition), JobState::kRunning, "", absl::InfiniteFuture(), {}, {}, wall);
}

void Coordinator::RestoreJob(JobDefinition definition, JobState state, std::string reason, absl::Time ended,
                             const std::vector<RoundPlan>& rounds,
                             const std::vector<std::pair<Slot, Outcome>>& outcomes, absl::Time wall) {
  Advance(wall);
  std::string id = definition.id;
  HONE_CHECK(!jobs_.contains(id)) << id;
  JobEntry& entry = jobs_[id];
  int priority = definition.priority;
  entry.run = std::make_unique<JobRun>(std::move(definition));
  for (const RoundPlan& plan : rounds) entry.run->RestoreRound(plan);
  for (const auto& [slot, outcome] : outcomes) entry.run->RestoreOutcome(slot, outcome);
  entry.run->SetState(state, std::move(reason), Ended(state) ? ended : wall_);
  actions_.push_back(NotifyState{id});
  if (Ended(state)) return;
  active_[{-priority, id}] = &entry;
  entry.share = &shares_.JobStarted(entry.run->definition().tenant);
  CheckComplete(entry);
  Dispatch();
}

Coordinator::JobEntry* Coordinator::Entry(std::string_view id) {
  auto it = jobs_.find(id);
  return it == jobs_.end() ? nullptr : &it->second;
}

absl::Status Coordinator::NoJob(std::string_view id) { return absl::NotFoundError(StrCat("no job \"", id, "\"")); }

absl::Status Coordinator::PauseJob(std::string_view id, absl::Time wall) {
  Advance(wall);
  JobEntry* job = Entry(id);
  if (job == nullptr) return NoJob(id);
  if (Ended(job->run->state())) {
    return absl::FailedPreconditionError(StrCat("job ", id, " is ", JobStateName(job->run->state())));
  }
  if (job->run->state() == JobState::kPaused) return absl::OkStatus();
  job->run->SetState(JobState::kPaused, "paused by a user", wall_);
  actions_.push_back(SaveJobState{std::string(id), JobState::kPaused, "paused by a user"});
  actions_.push_back(NotifyState{std::string(id)});
  return absl::OkStatus();
}

absl::Status Coordinator::ResumeJob(std::string_view id, absl::Time wall) {
  Advance(wall);
  JobEntry* job = Entry(id);
  if (job == nullptr) return NoJob(id);
  if (Ended(job->run->state())) {
    return absl::FailedPreconditionError(StrCat("job ", id, " is ", JobStateName(job->run->state())));
  }
  if (job->run->state() == JobState::kRunning) return absl::OkStatus();
  job->run->SetState(JobState::kRunning, "", wall_);
  actions_.push_back(SaveJobState{std::string(id), JobState::kRunning, ""});
  actions_.push_back(NotifyState{std::string(id)});
  CheckComplete(*job);
  Dispatch();
  return absl::OkStatus();
}

absl::Status Coordinator::CancelJob(std::string_view id, std::string reason, absl::Time wall) {
  Advance(wall);
  JobEntry* job = Entry(id);
  if (job == nullptr) return NoJob(id);
  if (!Ended(job->run->state())) EndJob(*job, JobState::kCancelled, std::move(reason));
  Dispatch();
  return absl::OkStatus();
}

void Coordinator::EndJob(JobEntry& job, JobState state, std::string reason) {
  const std::string& id = job.run->definition().id;
  std::vector<uint64_t> mine;
  for (const auto& [lease_id, lease] : leases_) {
    if (lease.job_id == id) mine.push_back(lease_id);
  }
  for (uint64_t lease_id : mine) {
    Lease lease = EndLease(lease_id);
    actions_.push_back(SendCancel{lease.worker, lease.token});
  }
  job.searching.reset();
  job.run->SetState(state, reason, wall_);
  active_.erase({-job.run->definition().priority, id});
  TenantShares::JobEnded(*job.share);
  CloseTasks(job);
  actions_.push_back(SaveJobState{id, state, std::move(reason)});
  actions_.push_back(NotifyState{id});
}

void Coordinator::CloseTasks(const JobEntry& job) {
  if (job.search_worker.empty()) return;
  for (int task = 0; task < job.run->num_tasks(); ++task) {
    actions_.push_back(SendCloseTask{job.search_worker, job.run->definition().id, task});
  }
}

void Coordinator::CheckComplete(JobEntry& job) {
  if (Ended(job.run->state()) || job.searching) return;
  std::string hopeless = job.run->Hopeless();
  if (!hopeless.empty()) {
    EndJob(job, JobState::kFailed, hopeless);
  } else if (job.run->Complete()) {
    EndJob(job, JobState::kDone, "");
  }
}

// --- Workers ---------------------------------------------------------------------------------------------------------

void Coordinator::WorkerConnected(WorkerInfo info, absl::Time wall) {
  Advance(wall);
  WorkerState* old = workers_.Find(info.name);
  if (old != nullptr && old->info.incarnation != info.incarnation) {
    old->connected = false;
    LoseAll(*old, "its worker was restarted");
  }
  canaries_.erase(info.name);
  bool draining = old != nullptr && old->draining;
  std::string name = info.name;
  WorkerState& worker = workers_.Connect(std::move(info), now_, wall_);
  if (draining) actions_.push_back(SendDrain{name, false});
  StartCanary(worker);
  Dispatch();
}

void Coordinator::WorkerDisconnected(std::string_view name, absl::Time wall) {
  Advance(wall);
  WorkerState* worker = workers_.Find(name);
  if (worker == nullptr) return;
  worker->connected = false;
  workers_.Refresh(*worker, now_);
}

void Coordinator::WorkerGone(std::string_view name, absl::Time wall) {
  Advance(wall);
  WorkerState* worker = workers_.Find(name);
  if (worker == nullptr) return;
  worker->connected = false;
  LoseAll(*worker, "its worker left");
  canaries_.erase(worker->info.name);
  workers_.Forget(name);
  Dispatch();
}

void Coordinator::Heartbeat(std::string_view name, const std::vector<uint64_t>& leases, absl::Time wall) {
  Advance(wall);
  WorkerState* worker = workers_.Find(name);
  if (worker == nullptr) return;
  worker->last_seen = now_;
  worker->heartbeat_at = wall_;
  bool back = !worker->connected;  // It was taken for lost, and its stream held.
  worker->connected = true;
  std::vector<uint64_t> lost;
  for (uint64_t id : worker->leases) {
    bool named = std::find(leases.begin(), leases.end(), id) != leases.end();
    bool may_cross = leases_.at(id).granted + 2 * options_.heartbeat > now_;  // The lease may still be on its way.
    if (!named && !may_cross) lost.push_back(id);
  }
  for (uint64_t id : lost) LoseLease(id, "its worker lost it", /*charge=*/true, /*rebuild=*/false);
  workers_.Refresh(*worker, now_);
  if (back || !lost.empty()) Dispatch();
}

absl::Status Coordinator::DrainWorker(std::string_view name, bool undrain, absl::Time wall) {
  Advance(wall);
  WorkerState* worker = workers_.Find(name);
  if (worker == nullptr) return absl::NotFoundError(StrCat("no worker \"", name, "\""));
  worker->draining = !undrain;
  workers_.Refresh(*worker, now_);
  actions_.push_back(SendDrain{std::string(name), undrain});
  Dispatch();
  return absl::OkStatus();
}

void Coordinator::LoseAll(WorkerState& worker, const std::string& cause) {
  std::vector<uint64_t> ids(worker.leases.begin(), worker.leases.end());
  for (uint64_t id : ids) LoseLease(id, cause, /*charge=*/true, /*rebuild=*/false);
}

// --- Outcomes --------------------------------------------------------------------------------------------------------

void Coordinator::SearchDone(std::string_view worker, const LeaseToken& token, SearchRound round, absl::Time wall) {
  Advance(wall);
  Lease* found = FindLease(worker, token);
  if (found == nullptr || found->role != WorkerRole::kSearch) return DropLate(worker, token);
  Lease lease = EndLease(token.lease);
  LearnDuration(lease);
  workers_.Find(worker)->finished++;
  workers_.Find(worker)->health.Worked();
  JobEntry& job = *Entry(lease.job_id);
  JobRun::SearchOrder order = *std::exchange(job.searching, std::nullopt);
  job.search_attempts = job.search_losses = 0;
  if (!round.log.empty())
    actions_.push_back(NotifyLog{lease.job_id, LogOfTask(job.run->definition().tasks[order.task], round.log)});
  if (std::optional<RoundPlan> plan = job.run->AddRound(order, std::move(round))) {
    actions_.push_back(SaveRound{lease.job_id, *std::move(plan)});
  }
  actions_.push_back(SendAck{std::string(worker), {token.lease}});
  CheckComplete(job);
  Dispatch();
}

void Coordinator::SearchFailed(std::string_view worker, const LeaseToken& token, std::string error, bool retry,
                               absl::Time wall) {
  Advance(wall);
  Lease* found = FindLease(worker, token);
  if (found == nullptr || found->role != WorkerRole::kSearch) return DropLate(worker, token);
  actions_.push_back(SendAck{std::string(worker), {token.lease}});
  workers_.Find(worker)->failed++;
  if (retry) {
    JobEntry& job = *Entry(found->job_id);
    int task = job.searching->task;
    LoseLease(token.lease, error, /*charge=*/false, /*rebuild=*/false);
    if (++job.search_attempts >= options_.max_attempts) FailSearch(job, task, error);
    CheckComplete(job);
  } else {
    Lease lease = EndLease(token.lease);
    JobEntry& job = *Entry(lease.job_id);
    actions_.push_back(NotifyLog{lease.job_id, error});
    int task = job.searching->task;
    job.searching.reset();
    job.run->FailTask(task, std::move(error));
    CheckComplete(job);
  }
  Dispatch();
}

void Coordinator::BuildDone(std::string_view worker, const LeaseToken& token, const Digest& artifact_key,
                            absl::Duration build_time, absl::Time wall) {
  Advance(wall);
  Lease* found = FindLease(worker, token);
  if (found == nullptr || found->role != WorkerRole::kBuild) return DropLate(worker, token);
  Lease lease = EndLease(token.lease);
  workers_.Find(worker)->finished++;
  workers_.Find(worker)->health.Worked();
  EndCopies(lease);
  LearnDuration(lease);
  Entry(lease.job_id)->run->Built(lease.ref, artifact_key, build_time);
  actions_.push_back(SendAck{std::string(worker), {token.lease}});
  Dispatch();
}

void Coordinator::BuildFailed(std::string_view worker, const LeaseToken& token, Failure failure,
                              absl::Duration build_time, absl::Time wall) {
  Advance(wall);
  Lease* found = FindLease(worker, token);
  if (found == nullptr || found->role != WorkerRole::kBuild) return DropLate(worker, token);
  Lease lease = EndLease(token.lease);
  workers_.Find(worker)->failed++;
  workers_.Find(worker)->health.Worked();
  Outcome outcome;
  outcome.run.failure = std::move(failure);
  outcome.build_time = build_time;
  FinishSlot(lease, std::move(outcome));
  Dispatch();
}

void Coordinator::RunDone(std::string_view worker, const LeaseToken& token, RunResult run, std::vector<TensorInfo> args,
                          absl::Time wall) {
  Advance(wall);
  Lease* found = FindLease(worker, token);
  if (found == nullptr || found->role != WorkerRole::kRun) return DropLate(worker, token);
  WorkerState& state = *workers_.Find(worker);
  if (run.failure && run.failure->kind == FailureKind::kDeviceLost) {
    actions_.push_back(SendAck{std::string(worker), {token.lease}});
    ++state.failed;
    state.health.Faulted(run.failure->message, now_);
    LoseLease(token.lease, StrCat("device lost: ", run.failure->message), /*charge=*/true, /*rebuild=*/false);
    return Dispatch();
  }
  Lease lease = EndLease(token.lease);
  LearnDuration(lease);
  ++(run.failure ? state.failed : state.finished);
  state.health.Worked();
  const JobRun::SlotRun& slot = Entry(lease.job_id)->run->slot(lease.ref);
  Outcome outcome;
  outcome.run = std::move(run);
  outcome.build_time = slot.build_time;
  outcome.artifact_key = slot.artifact_key;
  outcome.args = std::move(args);
  FinishSlot(lease, std::move(outcome));
  Dispatch();
}

void Coordinator::LeaseReturned(std::string_view worker, const LeaseToken& token, const Return& why, absl::Time wall) {
  Advance(wall);
  actions_.push_back(SendAck{std::string(worker), {token.lease}});
  auto canary = canaries_.find(worker);
  if (canary != canaries_.end() && canary->second.token == token) {
    RunResult failed;
    failed.failure = Failure{FailureKind::kRun, why.reason};
    return CanaryDone(worker, token, failed, wall);
  }
  if (FindLease(worker, token) == nullptr) return;
  if (why.worker_fault) {
    WorkerState& state = *workers_.Find(worker);
    ++state.failed;
    state.health.Faulted(why.reason, now_);
  }
  LoseLease(token.lease, why.reason, /*charge=*/false, why.artifact_missing);
  Dispatch();
}

void Coordinator::CanaryDone(std::string_view worker, const LeaseToken& token, const RunResult& run, absl::Time wall) {
  Advance(wall);
  actions_.push_back(SendAck{std::string(worker), {token.lease}});
  auto it = canaries_.find(worker);
  if (it == canaries_.end() || it->second.token != token) return;
  canaries_.erase(it);
  WorkerState& state = *workers_.Find(worker);
  ++counts_.canaries;
  if (run.failure) {
    ++counts_.canary_failures;
    state.health.CanaryFailed(run.failure->message, now_);
  } else {
    state.health.CanaryPassed(run.median, now_);
  }
  workers_.Refresh(state, now_);
  StartCanary(state);
  Dispatch();
}

void Coordinator::OutcomeSaved(const Slot& slot, absl::Time wall) {
  Advance(wall);
  JobEntry* job = Entry(slot.job_id);
  if (job == nullptr) return;
  std::optional<SlotRef> ref = job->run->Find(slot);
  if (!ref || job->run->slot(*ref).stage != JobRun::SlotStage::kSaving) return;
  std::string worker;
  if (auto it = job->saving.find(*ref); it != job->saving.end()) {
    worker = it->second.worker;
    actions_.push_back(SendAck{worker, {it->second.lease}});
    saving_leases_.erase(it->second.lease);
    job->saving.erase(it);
  }
  bool best = job->run->Saved(*ref);
  actions_.push_back(NotifyTrial{slot, job->run->slot(*ref).outcome.run, best, worker});
  if (Ended(job->run->state())) return;
  CheckComplete(*job);
  Dispatch();
}

// --- Time ------------------------------------------------------------------------------------------------------------

void Coordinator::CountIdle() {
  if (idle_counted_ != absl::InfinitePast() && now_ > idle_counted_ && workers_.idle_devices() > 0) {
    double secs = absl::ToDoubleSeconds(now_ - idle_counted_) * workers_.idle_devices();
    size_t owed = 0;
    for (const auto& [key, job] : active_) owed += job->run->state() == JobState::kRunning && job->run->OwesWork();
    for (const auto& [key, job] : active_) {
      bool owes = job->run->state() == JobState::kRunning && job->run->OwesWork();
      if (owes) job->run->AddIdle(secs / static_cast<double>(owed));
    }
  }
  idle_counted_ = now_;
}

void Coordinator::Tick(absl::Time wall) {
  Advance(wall);
  std::vector<uint64_t> overdue;
  for (const auto& [id, lease] : leases_) {
    if (lease.deadline <= now_) overdue.push_back(id);
  }
  for (uint64_t id : overdue) {
    actions_.push_back(SendCancel{leases_.at(id).worker, leases_.at(id).token});
    LoseLease(id, "it took longer than its time-out allows", /*charge=*/true, /*rebuild=*/false);
  }
  std::vector<std::string> forget;
  for (auto& [name, worker] : workers_.all()) {
    if (worker.last_seen + options_.lease_timeout <= now_) {
      worker.connected = false;
      LoseAll(worker, "its worker fell silent");
      canaries_.erase(name);
      if (worker.last_seen + options_.forget_worker <= now_) forget.push_back(name);
    }
    workers_.Refresh(worker, now_);
    StartCanary(worker);
  }
  for (const std::string& name : forget) workers_.Forget(name);
  std::vector<std::pair<std::string, LeaseToken>> mute;
  for (const auto& [name, canary] : canaries_) {
    if (canary.deadline <= now_) mute.emplace_back(name, canary.token);
  }
  RunResult silent;
  silent.failure = Failure{FailureKind::kRunTimeout, "no answer"};
  for (const auto& [name, token] : mute) CanaryDone(name, token, silent, wall);
  Dispatch();
  Relend(WorkerRole::kBuild);
  Relend(WorkerRole::kRun);
}

}  // namespace hone
