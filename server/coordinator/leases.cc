#include <algorithm>
#include <utility>

#include "common/support/check.h"
#include "common/support/strings.h"
#include "server/coordinator/coordinator.h"

namespace hone {

Coordinator::Lease* Coordinator::FindLease(std::string_view worker, const LeaseToken& token) {
  auto it = leases_.find(token.lease);
  bool mine = it != leases_.end() && it->second.token == token && it->second.worker == worker;
  return mine ? &it->second : nullptr;
}

Coordinator::Lease Coordinator::EndLease(uint64_t id) {
  auto it = leases_.find(id);
  Lease lease = std::move(it->second);
  leases_.erase(it);
  if (JobEntry* job = Entry(lease.job_id)) {
    --job->leases;
    TenantShares::Charge(*job->share, lease.role, absl::ToDoubleSeconds(now_ - lease.granted) - lease.charged_secs);
    auto held = lease.role == WorkerRole::kSearch ? job->holders.end() : job->holders.find(lease.ref);
    if (held != job->holders.end()) std::erase(held->second, id);
    if (held != job->holders.end() && held->second.empty()) job->holders.erase(held);
  }
  if (WorkerState* worker = workers_.Find(lease.worker)) {
    --worker->busy[static_cast<int>(lease.role)];
    worker->leases.erase(id);
    workers_.Refresh(*worker, now_);
    StartCanary(*worker);
  }
  return lease;
}

// Tells the worker to forget an outcome that does not count, unless it counts and is being stored.
void Coordinator::DropLate(std::string_view worker, const LeaseToken& token) {
  if (token.leader_epoch == options_.leader_epoch && saving_leases_.contains(token.lease)) return;
  ++counts_.late;
  actions_.push_back(SendAck{std::string(worker), {token.lease}});
}

void Coordinator::EndCopies(const Lease& lease) {
  JobEntry& job = *Entry(lease.job_id);
  auto held = job.holders.find(lease.ref);
  if (held == job.holders.end()) return;
  for (uint64_t id : std::vector<uint64_t>(held->second)) {
    Lease copy = EndLease(id);
    actions_.push_back(SendCancel{copy.worker, copy.token});
  }
}

void Coordinator::LearnDuration(const Lease& lease) {
  absl::Duration& typical = Entry(lease.job_id)->typical[static_cast<int>(lease.role)];
  absl::Duration took = now_ - lease.granted;
  typical = typical == absl::ZeroDuration() ? took : typical * 0.9 + took * 0.1;
}

void Coordinator::LoseLease(uint64_t id, const std::string& cause, bool charge, bool rebuild) {
  Lease lease = EndLease(id);
  ++counts_.lost;
  actions_.push_back(NotifyLost{lease.role, lease.worker, lease.job_id, id, cause});
  JobEntry* job = Entry(lease.job_id);
  if (job == nullptr || Ended(job->run->state())) return;
  std::string text = StrCat(cause, " (worker ", lease.worker, ")");
  if (lease.role == WorkerRole::kSearch) {
    int task = job->searching->task;
    job->searching.reset();
    if (charge && ++job->search_losses >= options_.max_search_losses) FailSearch(*job, task, text);
    CheckComplete(*job);
    return;
  }
  JobRun::SlotRun& slot = job->run->slot(lease.ref);
  slot.last_cause = text;
  if (job->holders.contains(lease.ref)) return;  // Another worker has it still.
  ++(charge ? slot.attempts : slot.returns);
  if (slot.attempts >= options_.max_attempts || slot.returns >= options_.max_returns) {
    Quarantine(*job, lease);
  } else {
    job->run->Requeue(lease.ref, rebuild);
  }
}

void Coordinator::FailSearch(JobEntry& job, int task, const std::string& cause) {
  job.run->FailTask(task, StrCat("searching failed ", job.search_attempts + job.search_losses, " times: ", cause));
  job.search_attempts = job.search_losses = 0;
}

void Coordinator::Quarantine(JobEntry& job, const Lease& lease) {
  const JobRun::SlotRun& slot = job.run->slot(lease.ref);
  ++counts_.quarantined_slots;
  Outcome outcome;
  outcome.run.failure =
      Failure{FailureKind::kDeviceLost, StrCat("quarantined after ", slot.attempts + slot.returns,
                                               " leases without an outcome; the last: ", slot.last_cause)};
  outcome.build_time = slot.build_time;
  FinishSlot(lease, std::move(outcome));
}

void Coordinator::FinishSlot(const Lease& lease, Outcome outcome) {
  EndCopies(lease);
  JobEntry& job = *Entry(lease.job_id);
  saving_leases_.insert(lease.token.lease);
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

}  // namespace hone
