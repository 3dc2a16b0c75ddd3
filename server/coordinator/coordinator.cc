#include "server/coordinator/coordinator.h"

#include <algorithm>
#include <utility>

#include "common/support/check.h"
#include "common/support/strings.h"

namespace hone {

void Coordinator::SubmitJob(JobDefinition definition, absl::Time now) {
  RestoreJob(std::move(definition), JobState::kRunning, "", absl::InfiniteFuture(), {}, {}, now);
}

void Coordinator::RestoreJob(JobDefinition definition, JobState state, std::string reason, absl::Time ended,
                             const std::vector<RoundPlan>& rounds,
                             const std::vector<std::pair<Slot, Outcome>>& outcomes, absl::Time now) {
  std::string id = definition.id;
  HONE_CHECK(!jobs_.contains(id)) << id;
  JobEntry& entry = jobs_[id];
  int priority = definition.priority;
  entry.run = std::make_unique<JobRun>(std::move(definition));
  for (const RoundPlan& plan : rounds) entry.run->RestoreRound(plan);
  for (const auto& [slot, outcome] : outcomes) entry.run->RestoreOutcome(slot, outcome);
  entry.run->SetState(state, std::move(reason), Ended(state) ? ended : now);
  actions_.push_back(NotifyState{id});
  if (Ended(state)) return;
  active_[{-priority, id}] = &entry;
  CheckComplete(entry, now);
  Dispatch(now);
}

Coordinator::JobEntry* Coordinator::Entry(std::string_view id) {
  auto it = jobs_.find(id);
  return it == jobs_.end() ? nullptr : &it->second;
}

namespace {

absl::Status NoJob(std::string_view id) { return absl::NotFoundError(StrCat("no job \"", id, "\"")); }

}  // namespace

absl::Status Coordinator::PauseJob(std::string_view id, absl::Time now) {
  JobEntry* job = Entry(id);
  if (job == nullptr) return NoJob(id);
  if (Ended(job->run->state())) {
    return absl::FailedPreconditionError(StrCat("job ", id, " is ", JobStateName(job->run->state())));
  }
  if (job->run->state() == JobState::kPaused) return absl::OkStatus();
  job->run->SetState(JobState::kPaused, "paused by a user", now);
  actions_.push_back(SaveJobState{std::string(id), JobState::kPaused, "paused by a user"});
  actions_.push_back(NotifyState{std::string(id)});
  return absl::OkStatus();
}

absl::Status Coordinator::ResumeJob(std::string_view id, absl::Time now) {
  JobEntry* job = Entry(id);
  if (job == nullptr) return NoJob(id);
  if (Ended(job->run->state())) {
    return absl::FailedPreconditionError(StrCat("job ", id, " is ", JobStateName(job->run->state())));
  }
  if (job->run->state() == JobState::kRunning) return absl::OkStatus();
  job->run->SetState(JobState::kRunning, "", now);
  actions_.push_back(SaveJobState{std::string(id), JobState::kRunning, ""});
  actions_.push_back(NotifyState{std::string(id)});
  CheckComplete(*job, now);
  Dispatch(now);
  return absl::OkStatus();
}

absl::Status Coordinator::CancelJob(std::string_view id, std::string reason, absl::Time now) {
  JobEntry* job = Entry(id);
  if (job == nullptr) return NoJob(id);
  if (!Ended(job->run->state())) EndJob(*job, JobState::kCancelled, std::move(reason), now);
  Dispatch(now);
  return absl::OkStatus();
}

void Coordinator::EndJob(JobEntry& job, JobState state, std::string reason, absl::Time now) {
  const std::string& id = job.run->definition().id;
  std::vector<uint64_t> mine;
  for (const auto& [lease_id, lease] : leases_) {
    if (lease.job_id == id) mine.push_back(lease_id);
  }
  for (uint64_t lease_id : mine) {
    Lease lease = EndLease(lease_id, now);
    actions_.push_back(SendCancel{lease.worker, lease.token});
  }
  job.searching.reset();
  job.run->SetState(state, reason, now);
  active_.erase({-job.run->definition().priority, id});
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

void Coordinator::CheckComplete(JobEntry& job, absl::Time now) {
  if (Ended(job.run->state()) || job.searching) return;
  std::string hopeless = job.run->Hopeless();
  if (!hopeless.empty()) {
    EndJob(job, JobState::kFailed, hopeless, now);
  } else if (job.run->Complete()) {
    EndJob(job, JobState::kDone, "", now);
  }
}

// --- Workers ---------------------------------------------------------------------------------------------------------

void Coordinator::WorkerConnected(WorkerInfo info, absl::Time now) {
  WorkerState* old = workers_.Find(info.name);
  if (old != nullptr && old->info.incarnation != info.incarnation) LoseAll(*old, "its worker was restarted", now);
  bool draining = old != nullptr && old->draining;
  std::string name = info.name;
  workers_.Connect(std::move(info), now);
  if (draining) actions_.push_back(SendDrain{name, false});
  Dispatch(now);
}

void Coordinator::WorkerDisconnected(std::string_view name, absl::Time now) {
  WorkerState* worker = workers_.Find(name);
  if (worker == nullptr) return;
  worker->connected = false;
  workers_.Refresh(*worker, now);
}

void Coordinator::WorkerGone(std::string_view name, absl::Time now) {
  WorkerState* worker = workers_.Find(name);
  if (worker == nullptr) return;
  LoseAll(*worker, "its worker left", now);
  workers_.Forget(name);
  Dispatch(now);
}

void Coordinator::Heartbeat(std::string_view name, const std::vector<uint64_t>& leases, absl::Time now) {
  WorkerState* worker = workers_.Find(name);
  if (worker == nullptr) return;
  worker->last_seen = now;
  std::vector<uint64_t> lost;
  for (uint64_t id : worker->leases) {
    bool named = std::find(leases.begin(), leases.end(), id) != leases.end();
    bool may_cross = leases_.at(id).granted + 2 * options_.heartbeat > now;  // The lease may still be on its way.
    if (!named && !may_cross) lost.push_back(id);
  }
  for (uint64_t id : lost) LoseLease(id, "its worker lost it", /*charge=*/true, /*rebuild=*/false, now);
  if (!lost.empty()) Dispatch(now);
}

absl::Status Coordinator::DrainWorker(std::string_view name, bool undrain, absl::Time now) {
  WorkerState* worker = workers_.Find(name);
  if (worker == nullptr) return absl::NotFoundError(StrCat("no worker \"", name, "\""));
  worker->draining = !undrain;
  workers_.Refresh(*worker, now);
  actions_.push_back(SendDrain{std::string(name), undrain});
  Dispatch(now);
  return absl::OkStatus();
}

void Coordinator::LoseAll(WorkerState& worker, const std::string& cause, absl::Time now) {
  std::vector<uint64_t> ids(worker.leases.begin(), worker.leases.end());
  for (uint64_t id : ids) LoseLease(id, cause, /*charge=*/true, /*rebuild=*/false, now);
}

// --- Leases ----------------------------------------------------------------------------------------------------------

Coordinator::Lease* Coordinator::FindLease(std::string_view worker, const LeaseToken& token) {
  auto it = leases_.find(token.lease);
  bool mine = it != leases_.end() && it->second.token == token && it->second.worker == worker;
  return mine ? &it->second : nullptr;
}

Coordinator::Lease Coordinator::EndLease(uint64_t id, absl::Time now) {
  auto it = leases_.find(id);
  Lease lease = std::move(it->second);
  leases_.erase(it);
  if (JobEntry* job = Entry(lease.job_id)) --job->leases;
  if (WorkerState* worker = workers_.Find(lease.worker)) {
    --worker->busy[static_cast<int>(lease.role)];
    worker->leases.erase(id);
    workers_.Refresh(*worker, now);
  }
  return lease;
}

// Tells the worker to forget an outcome that does not count, unless it counts and is being stored.
void Coordinator::DropLate(std::string_view worker, const LeaseToken& token) {
  for (const auto& [key, job] : active_) {
    for (const auto& [ref, ack] : job->saving) {
      if (ack.lease == token.lease && token.leader_epoch == options_.leader_epoch) return;
    }
  }
  actions_.push_back(SendAck{std::string(worker), {token.lease}});
}

void Coordinator::LoseLease(uint64_t id, const std::string& cause, bool charge, bool rebuild, absl::Time now) {
  Lease lease = EndLease(id, now);
  JobEntry* job = Entry(lease.job_id);
  if (job == nullptr || Ended(job->run->state())) return;
  std::string text = StrCat(cause, " (worker ", lease.worker, ")");
  if (lease.role == WorkerRole::kSearch) {
    int task = job->searching->task;
    job->searching.reset();
    if (charge && ++job->search_losses >= options_.max_search_losses) FailSearch(*job, task, text);
    CheckComplete(*job, now);
    return;
  }
  JobRun::SlotRun& slot = job->run->slot(lease.ref);
  slot.last_cause = text;
  ++(charge ? slot.attempts : slot.returns);
  if (slot.attempts >= options_.max_attempts || slot.returns >= options_.max_returns) {
    Quarantine(*job, lease, now);
  } else {
    job->run->Requeue(lease.ref, rebuild);
  }
}

void Coordinator::FailSearch(JobEntry& job, int task, const std::string& cause) {
  job.run->FailTask(task, StrCat("searching failed ", job.search_attempts + job.search_losses, " times: ", cause));
  job.search_attempts = job.search_losses = 0;
}

void Coordinator::Quarantine(JobEntry& job, const Lease& lease, absl::Time now) {
  const JobRun::SlotRun& slot = job.run->slot(lease.ref);
  Outcome outcome;
  outcome.run.failure =
      Failure{FailureKind::kDeviceLost, StrCat("quarantined after ", slot.attempts + slot.returns,
                                               " leases without an outcome; the last: ", slot.last_cause)};
  outcome.build_time = slot.build_time;
  FinishSlot(lease, std::move(outcome), now);
}

void Coordinator::FinishSlot(const Lease& lease, Outcome outcome, absl::Time now) {
  JobEntry& job = *Entry(lease.job_id);
  job.saving[lease.ref] = {lease.worker, lease.token.lease};
  SaveOutcome save;
  save.slot = job.run->SlotOf(lease.ref);
  save.token = lease.token;
  save.worker = lease.worker;
  if (WorkerState* worker = workers_.Find(lease.worker)) {
    save.device = worker->info.device;
    save.revisions = worker->info.revisions;
  }
  save.candidate = job.run->slot(lease.ref).candidate;
  save.outcome = outcome;
  job.run->Finish(lease.ref, std::move(outcome));
  actions_.push_back(std::move(save));
}

// --- Outcomes --------------------------------------------------------------------------------------------------------

void Coordinator::SearchDone(std::string_view worker, const LeaseToken& token, SearchRound round, absl::Time now) {
  if (FindLease(worker, token) == nullptr) return DropLate(worker, token);
  Lease lease = EndLease(token.lease, now);
  workers_.Find(worker)->finished++;
  workers_.Find(worker)->faults_in_a_row = 0;
  JobEntry& job = *Entry(lease.job_id);
  JobRun::SearchOrder order = *std::exchange(job.searching, std::nullopt);
  job.search_attempts = job.search_losses = 0;
  if (!round.log.empty()) actions_.push_back(NotifyLog{lease.job_id, std::move(round.log)});
  if (std::optional<RoundPlan> plan = job.run->AddRound(order, std::move(round))) {
    actions_.push_back(SaveRound{lease.job_id, *std::move(plan)});
  }
  actions_.push_back(SendAck{std::string(worker), {token.lease}});
  CheckComplete(job, now);
  Dispatch(now);
}

void Coordinator::SearchFailed(std::string_view worker, const LeaseToken& token, std::string error, bool retry,
                               absl::Time now) {
  if (FindLease(worker, token) == nullptr) return DropLate(worker, token);
  actions_.push_back(SendAck{std::string(worker), {token.lease}});
  workers_.Find(worker)->failed++;
  if (retry) {
    JobEntry& job = *Entry(FindLease(worker, token)->job_id);
    int task = job.searching->task;
    LoseLease(token.lease, error, /*charge=*/false, /*rebuild=*/false, now);
    if (++job.search_attempts >= options_.max_attempts) FailSearch(job, task, error);
    CheckComplete(job, now);
  } else {
    Lease lease = EndLease(token.lease, now);
    JobEntry& job = *Entry(lease.job_id);
    actions_.push_back(NotifyLog{lease.job_id, error});
    int task = job.searching->task;
    job.searching.reset();
    job.run->FailTask(task, std::move(error));
    CheckComplete(job, now);
  }
  Dispatch(now);
}

void Coordinator::BuildDone(std::string_view worker, const LeaseToken& token, const Digest& artifact_key,
                            absl::Duration build_time, absl::Time now) {
  Lease* found = FindLease(worker, token);
  if (found == nullptr || found->role != WorkerRole::kBuild) return DropLate(worker, token);
  Lease lease = EndLease(token.lease, now);
  workers_.Find(worker)->finished++;
  workers_.Find(worker)->faults_in_a_row = 0;
  Entry(lease.job_id)->run->Built(lease.ref, artifact_key, build_time);
  actions_.push_back(SendAck{std::string(worker), {token.lease}});
  Dispatch(now);
}

void Coordinator::BuildFailed(std::string_view worker, const LeaseToken& token, Failure failure,
                              absl::Duration build_time, absl::Time now) {
  Lease* found = FindLease(worker, token);
  if (found == nullptr || found->role != WorkerRole::kBuild) return DropLate(worker, token);
  Lease lease = EndLease(token.lease, now);
  workers_.Find(worker)->failed++;
  workers_.Find(worker)->faults_in_a_row = 0;
  Outcome outcome;
  outcome.run.failure = std::move(failure);
  outcome.build_time = build_time;
  FinishSlot(lease, std::move(outcome), now);
  Dispatch(now);
}

void Coordinator::RunDone(std::string_view worker, const LeaseToken& token, RunResult run, std::vector<TensorInfo> args,
                          absl::Time now) {
  Lease* found = FindLease(worker, token);
  if (found == nullptr || found->role != WorkerRole::kRun) return DropLate(worker, token);
  WorkerState& state = *workers_.Find(worker);
  if (run.failure && run.failure->kind == FailureKind::kDeviceLost) {
    actions_.push_back(SendAck{std::string(worker), {token.lease}});
    ++state.failed;
    LoseLease(token.lease, StrCat("device lost: ", run.failure->message), /*charge=*/true, /*rebuild=*/false, now);
    return Dispatch(now);
  }
  Lease lease = EndLease(token.lease, now);
  ++(run.failure ? state.failed : state.finished);
  state.faults_in_a_row = 0;
  const JobRun::SlotRun& slot = Entry(lease.job_id)->run->slot(lease.ref);
  Outcome outcome;
  outcome.run = std::move(run);
  outcome.build_time = slot.build_time;
  outcome.artifact_key = slot.artifact_key;
  outcome.args = std::move(args);
  FinishSlot(lease, std::move(outcome), now);
  Dispatch(now);
}

void Coordinator::LeaseReturned(std::string_view worker, const LeaseToken& token, const Return& why, absl::Time now) {
  actions_.push_back(SendAck{std::string(worker), {token.lease}});
  if (FindLease(worker, token) == nullptr) return;
  if (why.worker_fault) {
    WorkerState& state = *workers_.Find(worker);
    ++state.failed;
    if (++state.faults_in_a_row >= options_.max_faults_in_a_row) state.quarantined_until = now + options_.quarantine;
  }
  LoseLease(token.lease, why.reason, /*charge=*/false, why.artifact_missing, now);
  Dispatch(now);
}

void Coordinator::OutcomeSaved(const Slot& slot, absl::Time now) {
  JobEntry* job = Entry(slot.job_id);
  if (job == nullptr) return;
  std::optional<SlotRef> ref = job->run->Find(slot);
  if (!ref || job->run->slot(*ref).stage != JobRun::SlotStage::kSaving) return;
  std::string worker;
  if (auto it = job->saving.find(*ref); it != job->saving.end()) {
    worker = it->second.worker;
    actions_.push_back(SendAck{worker, {it->second.lease}});
    job->saving.erase(it);
  }
  bool best = job->run->Saved(*ref);
  actions_.push_back(NotifyTrial{slot, job->run->slot(*ref).outcome.run, best, worker});
  if (Ended(job->run->state())) return;
  CheckComplete(*job, now);
  Dispatch(now);
}

// --- Dispatch --------------------------------------------------------------------------------------------------------

Coordinator::Lease& Coordinator::Grant(WorkerRole role, WorkerState& worker, JobEntry& job, absl::Duration limit,
                                       absl::Time now) {
  uint64_t id = next_lease_++;
  Lease& lease = leases_[id];
  lease.role = role;
  lease.worker = worker.info.name;
  lease.job_id = job.run->definition().id;
  lease.token = {id, 1, options_.leader_epoch};
  lease.granted = now;
  lease.deadline = now + limit;
  ++job.leases;
  ++worker.busy[static_cast<int>(role)];
  worker.leases.insert(id);
  workers_.Refresh(worker, now);
  return lease;
}

void Coordinator::StartSearch(JobEntry& job, JobRun::SearchOrder order, WorkerState& worker, absl::Time now) {
  Lease& lease = Grant(WorkerRole::kSearch, worker, job, options_.search_deadline, now);
  lease.token.attempt = job.search_attempts + 1;
  job.search_worker = worker.info.name;
  SendSearch send{worker.info.name, lease.token, lease.job_id, order.task, order.round, order.results};
  job.searching = std::move(order);
  actions_.push_back(std::move(send));
}

void Coordinator::StartSlot(WorkerRole role, JobEntry& job, int task, WorkerState& worker, absl::Time now) {
  const JobDefinition& definition = job.run->definition();
  bool build = role == WorkerRole::kBuild;
  absl::Duration limit =
      (build ? definition.build_timeout : definition.policy.timeout) * worker.info.slots[static_cast<int>(role)] +
      options_.lease_slack;
  Lease& lease = Grant(role, worker, job, limit, now);
  lease.ref = build ? job.run->TakeBuild(task) : job.run->TakeRun(task);
  const JobRun::SlotRun& slot = job.run->slot(lease.ref);
  lease.token.attempt = slot.attempts + slot.returns + 1;
  Slot place = job.run->SlotOf(lease.ref);
  if (build) {
    actions_.push_back(SendBuild{worker.info.name, lease.token, place, slot.candidate});
  } else {
    double best = lease.ref.sequence < 0 ? 0 : job.run->best(task);
    actions_.push_back(SendRun{worker.info.name, lease.token, place, slot.artifact_key, best});
  }
}

bool Coordinator::DispatchSearch(absl::Time now) {
  if (!workers_.AnyFree(WorkerRole::kSearch)) return false;
  for (auto& [key, job] : active_) {
    if (job->searching) continue;
    std::optional<JobRun::SearchOrder> order = job->run->SearchWanted();
    if (!order) continue;
    const std::string& target = job->run->definition().tasks[order->task].target_json;
    WorkerState* worker = workers_.FindFree(WorkerRole::kSearch, target, job->search_worker);
    if (worker == nullptr) continue;
    StartSearch(*job, *std::move(order), *worker, now);
    return true;
  }
  return false;
}

// The job of the highest priority with the fewest leases goes first.
bool Coordinator::DispatchSlot(WorkerRole role, absl::Time now) {
  if (!workers_.AnyFree(role)) return false;
  JobEntry* chosen = nullptr;
  WorkerState* chosen_worker = nullptr;
  int chosen_task = 0, chosen_priority = 0;
  for (auto& [key, job] : active_) {
    if (chosen != nullptr && key.first != chosen_priority) break;
    if (job->run->state() != JobState::kRunning || (chosen != nullptr && job->leases >= chosen->leases)) continue;
    for (int task = 0; task < job->run->num_tasks(); ++task) {
      if (role == WorkerRole::kBuild ? !job->run->HasBuild(task) : !job->run->HasRun(task)) continue;
      WorkerState* worker = workers_.FindFree(role, job->run->definition().tasks[task].target_json);
      if (worker == nullptr) continue;
      chosen = job;
      chosen_worker = worker;
      chosen_task = task;
      chosen_priority = key.first;
      break;
    }
  }
  if (chosen == nullptr) return false;
  StartSlot(role, *chosen, chosen_task, *chosen_worker, now);
  return true;
}

void Coordinator::Dispatch(absl::Time now) {
  while (DispatchSearch(now)) {
  }
  while (DispatchSlot(WorkerRole::kBuild, now)) {
  }
  while (DispatchSlot(WorkerRole::kRun, now)) {
  }
}

// --- Time ------------------------------------------------------------------------------------------------------------

void Coordinator::CountIdle(absl::Time now) {
  if (last_tick_ != absl::InfinitePast() && now > last_tick_) {
    double secs = absl::ToDoubleSeconds(now - last_tick_) * workers_.num_free(WorkerRole::kRun);
    size_t owed = 0;
    for (const auto& [key, job] : active_) owed += job->run->state() == JobState::kRunning && job->run->OwesWork();
    for (const auto& [key, job] : active_) {
      bool owes = job->run->state() == JobState::kRunning && job->run->OwesWork();
      if (owes) job->run->AddIdle(secs / static_cast<double>(owed));
    }
  }
  last_tick_ = now;
}

void Coordinator::Tick(absl::Time now) {
  CountIdle(now);
  std::vector<uint64_t> overdue;
  for (const auto& [id, lease] : leases_) {
    if (lease.deadline <= now) overdue.push_back(id);
  }
  for (uint64_t id : overdue) {
    actions_.push_back(SendCancel{leases_.at(id).worker, leases_.at(id).token});
    LoseLease(id, "it took longer than its time-out allows", /*charge=*/true, /*rebuild=*/false, now);
  }
  std::vector<std::string> forget;
  for (auto& [name, worker] : workers_.all()) {
    if (worker.last_seen + options_.lease_timeout <= now) {
      worker.connected = false;
      LoseAll(worker, "its worker fell silent", now);
      if (worker.last_seen + options_.forget_worker <= now) forget.push_back(name);
    }
    workers_.Refresh(worker, now);
  }
  for (const std::string& name : forget) workers_.Forget(name);
  Dispatch(now);
}

// --- Views -----------------------------------------------------------------------------------------------------------

const JobRun* Coordinator::FindJob(std::string_view id) const {
  auto it = jobs_.find(id);
  return it == jobs_.end() ? nullptr : it->second.run.get();
}

absl::StatusOr<JobReport> Coordinator::Report(std::string_view id, absl::Time now) const {
  const JobRun* job = FindJob(id);
  if (job == nullptr) return NoJob(id);
  JobReport report = job->Report(now);
  if (report.state == JobState::kRunning) report.reason = WhyWaiting(*job);
  return report;
}

std::vector<std::string> Coordinator::JobIds() const {
  std::vector<std::string> ids;
  for (const auto& [id, job] : jobs_) ids.push_back(id);
  return ids;
}

std::string Coordinator::WhyWaiting(const JobRun& job) const {
  for (const TaskDefinition& task : job.definition().tasks) {
    for (WorkerRole role : {WorkerRole::kSearch, WorkerRole::kBuild, WorkerRole::kRun}) {
      std::string why = workers_.WhyNone(role, task.target_json);
      if (!why.empty()) return StrCat("task \"", task.name, "\" waits: ", why);
    }
  }
  return "";
}

std::vector<std::string> Coordinator::Doing(const WorkerState& worker) const {
  std::vector<std::string> lines;
  for (uint64_t id : worker.leases) {
    const Lease& lease = leases_.at(id);
    const JobEntry& job = jobs_.find(lease.job_id)->second;
    if (lease.role == WorkerRole::kSearch) {
      lines.push_back(StrCat("search ", lease.job_id, " task ", job.searching->task, " round ", job.searching->round));
    } else {
      Slot slot = job.run->SlotOf(lease.ref);
      lines.push_back(
          StrCat(WorkerRoleName(lease.role), " ", lease.job_id, " task ", slot.task,
                 slot.round == kBaselineRound ? " baseline" : StrCat(" round ", slot.round, " slot ", slot.slot)));
    }
  }
  return lines;
}

Coordinator::Queues Coordinator::queues() const {
  Queues queues;
  for (const auto& [key, job] : active_) {
    queues.builds += job->run->queued_builds();
    queues.runs += job->run->queued_runs();
    queues.searches += !job->searching && job->run->SearchWanted().has_value();
  }
  return queues;
}

void Coordinator::ForgetJob(std::string_view id) {
  auto it = jobs_.find(id);
  if (it != jobs_.end() && Ended(it->second.run->state()) && it->second.saving.empty()) jobs_.erase(it);
}

}  // namespace hone
