#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "common/support/check.h"
#include "common/support/strings.h"
#include "server/coordinator/coordinator.h"

namespace hone {

Coordinator::Lease& Coordinator::Grant(WorkerRole role, WorkerState& worker, JobEntry& job, absl::Duration limit) {
  uint64_t id = next_lease_++;
  Lease& lease = leases_[id];
  lease.role = role;
  lease.worker = worker.info.name;
  lease.job_id = job.run->definition().id;
  lease.token = {id, 1, options_.leader_epoch};
  lease.granted = now_;
  lease.deadline = now_ + limit;
  lease.charged_secs = absl::ToDoubleSeconds(job.typical[static_cast<int>(role)]);
  TenantShares::Charge(*job.share, role, lease.charged_secs);
  ++job.leases;
  ++worker.busy[static_cast<int>(role)];
  worker.leases.insert(id);
  workers_.Refresh(worker, now_);
  return lease;
}

void Coordinator::StartSearch(JobEntry& job, JobRun::SearchOrder order, WorkerState& worker) {
  Lease& lease = Grant(WorkerRole::kSearch, worker, job, options_.search_deadline);
  lease.token.attempt = job.search_attempts + 1;
  job.search_worker = worker.info.name;
  SendSearch send{worker.info.name, lease.token, lease.job_id, order.task, order.round, order.results};
  job.searching = std::move(order);
  actions_.push_back(std::move(send));
}

void Coordinator::StartSlot(WorkerRole role, JobEntry& job, SlotRef ref, WorkerState& worker) {
  const JobDefinition& definition = job.run->definition();
  bool build = role == WorkerRole::kBuild;
  absl::Duration limit =
      (build ? definition.build_timeout : definition.policy.timeout) * worker.info.slots[static_cast<int>(role)] +
      options_.lease_slack;
  Lease& lease = Grant(role, worker, job, limit);
  lease.ref = ref;
  job.holders[ref].push_back(lease.token.lease);
  const JobRun::SlotRun& slot = job.run->slot(ref);
  lease.token.attempt = slot.attempts + slot.returns + 1;
  Slot place = job.run->SlotOf(ref);
  if (build) {
    actions_.push_back(SendBuild{worker.info.name, lease.token, place, slot.candidate});
  } else {
    double best = ref.sequence < 0 ? 0 : job.run->best(job.run->TaskOf(ref));
    actions_.push_back(SendRun{worker.info.name, lease.token, place, slot.artifact_key, best});
  }
}

// Jobs of lower turns go first.
static std::tuple<double, int, int> TurnOf(const TenantShares::Share& share, WorkerRole role, int falling_priority,
                                           int leases) {
  return std::make_tuple(share.used_secs[static_cast<int>(role)], falling_priority, leases);
}

bool Coordinator::DispatchSearch() {
  if (!workers_.AnyFree(WorkerRole::kSearch)) return false;
  JobEntry* chosen = nullptr;
  WorkerState* chosen_worker = nullptr;
  std::optional<JobRun::SearchOrder> chosen_order;
  std::tuple<double, int, int> chosen_turn;
  for (auto& [key, job] : active_) {
    auto turn = TurnOf(*job->share, WorkerRole::kSearch, key.first, 0);
    if (job->searching || (chosen != nullptr && turn >= chosen_turn)) continue;
    std::optional<JobRun::SearchOrder> order = job->run->SearchWanted();
    if (!order) continue;
    const std::string& target = job->run->definition().tasks[order->task].target_json;
    WorkerState* worker = workers_.FindFree(WorkerRole::kSearch, target, job->search_worker);
    if (worker == nullptr) continue;
    chosen = job;
    chosen_worker = worker;
    chosen_order = std::move(order);
    chosen_turn = turn;
  }
  if (chosen == nullptr) return false;
  StartSearch(*chosen, *std::move(chosen_order), *chosen_worker);
  return true;
}

bool Coordinator::DispatchSlot(WorkerRole role) {
  if (!workers_.AnyFree(role)) return false;
  JobEntry* chosen = nullptr;
  WorkerState* chosen_worker = nullptr;
  int chosen_task = 0;
  std::tuple<double, int, int> chosen_turn;
  for (auto& [key, job] : active_) {
    auto turn = TurnOf(*job->share, role, key.first, job->leases);
    if (job->run->state() != JobState::kRunning || (chosen != nullptr && turn >= chosen_turn)) continue;
    for (int task = 0; task < job->run->num_tasks(); ++task) {
      if (role == WorkerRole::kBuild ? !job->run->HasBuild(task) : !job->run->HasRun(task)) continue;
      WorkerState* worker = workers_.FindFree(role, job->run->definition().tasks[task].target_json);
      if (worker == nullptr) continue;
      chosen = job;
      chosen_worker = worker;
      chosen_task = task;
      chosen_turn = turn;
      break;
    }
  }
  if (chosen == nullptr) return false;
  SlotRef ref = role == WorkerRole::kBuild ? chosen->run->TakeBuild(chosen_task) : chosen->run->TakeRun(chosen_task);
  StartSlot(role, *chosen, ref, *chosen_worker);
  return true;
}

// Gives stragglers out once more. After Dispatch: a worker that is free has nothing else to do.
void Coordinator::Relend(WorkerRole role) {
  if (!workers_.AnyFree(role)) return;
  std::vector<uint64_t> stragglers;
  for (const auto& [id, lease] : leases_) {
    if (lease.role != role || lease.doubled) continue;
    const JobEntry& job = *Entry(lease.job_id);
    absl::Duration typical = job.typical[static_cast<int>(role)];
    if (typical == absl::ZeroDuration() || job.run->state() != JobState::kRunning) continue;
    absl::Duration limit = std::max(typical * options_.straggler_ratio, options_.straggler_min);
    if (now_ - lease.granted > limit) stragglers.push_back(id);
  }
  for (uint64_t id : stragglers) {
    Lease& lease = leases_.at(id);
    JobEntry& job = *Entry(lease.job_id);
    const std::string& target = job.run->definition().tasks[job.run->TaskOf(lease.ref)].target_json;
    WorkerState* worker = workers_.FindFree(role, target, "", lease.worker);
    if (worker == nullptr) continue;
    lease.doubled = true;
    uint64_t copy = next_lease_;
    StartSlot(role, job, lease.ref, *worker);
    leases_.at(copy).doubled = true;
    ++counts_.stragglers;
  }
}

// Sends the canary to a device that owes one and has nothing in hand.
void Coordinator::StartCanary(WorkerState& worker) {
  const std::string& name = worker.info.name;
  if (!worker.connected || !worker.health.WantsCanary(now_) || canaries_.contains(name)) return;
  if (worker.busy[static_cast<int>(WorkerRole::kRun)] > 0) return;
  LeaseToken token{next_lease_++, 1, options_.leader_epoch};
  canaries_[name] = {token, now_ + options_.lease_slack};
  actions_.push_back(SendCanary{name, token});
}

void Coordinator::Dispatch() {
  while (DispatchSearch()) {
  }
  while (DispatchSlot(WorkerRole::kBuild)) {
  }
  while (DispatchSlot(WorkerRole::kRun)) {
  }
}

}  // namespace hone
