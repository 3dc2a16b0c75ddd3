#include <algorithm>
#include <utility>

#include "common/support/check.h"
#include "common/support/strings.h"
#include "server/coordinator/coordinator.h"

namespace hone {

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
      std::string why = workers_.WhyNone(role, task.target_json, now_);
      if (!why.empty()) return StrCat("task \"", task.name, "\" waits: ", why);
    }
  }
  auto entry = jobs_.find(job.definition().id);
  if (entry == jobs_.end() || entry->second.leases > 0 || !entry->second.saving.empty()) return "";
  for (int task = 0; task < job.num_tasks(); ++task) {
    bool run = job.HasRun(task);
    if (!run && !job.HasBuild(task)) continue;
    WorkerRole role = run ? WorkerRole::kRun : WorkerRole::kBuild;
    Workers::Count count = workers_.CountServing(role, job.definition().tasks[task].target_json);
    return StrCat("task \"", job.definition().tasks[task].name, "\" waits for its turn: ", count.busy, " of ",
                  count.all, " workers with the role ", WorkerRoleName(role), " are busy");
  }
  if (!entry->second.searching && job.SearchWanted()) return "waits for its turn at the search workers";
  return "";
}

std::vector<Coordinator::Activity> Coordinator::Doing(const WorkerState& worker) const {
  std::vector<Activity> lines;
  for (uint64_t id : worker.leases) {
    const Lease& lease = leases_.at(id);
    const JobEntry& job = jobs_.find(lease.job_id)->second;
    if (lease.role == WorkerRole::kSearch) {
      lines.push_back({lease.job_id, StrCat("search ", lease.job_id, " task ", job.searching->task, " round ",
                                            job.searching->round)});
    } else {
      Slot slot = job.run->SlotOf(lease.ref);
      lines.push_back(
          {lease.job_id,
           StrCat(WorkerRoleName(lease.role), " ", lease.job_id, " task ", slot.task,
                  slot.round == kBaselineRound ? " baseline" : StrCat(" round ", slot.round, " slot ", slot.slot))});
    }
  }
  if (canaries_.contains(worker.info.name)) lines.push_back({"", "canary"});
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

std::vector<Coordinator::TargetQueue> Coordinator::TargetQueues() const {
  std::map<std::pair<WorkerRole, std::string>, size_t> waiting;
  for (const auto& [key, job] : active_) {
    if (job->run->state() != JobState::kRunning) continue;
    for (int task = 0; task < job->run->num_tasks(); ++task) {
      const std::string& target = job->run->definition().tasks[task].target_json;
      if (size_t n = job->run->queued_builds(task)) waiting[{WorkerRole::kBuild, target}] += n;
      if (size_t n = job->run->queued_runs(task)) waiting[{WorkerRole::kRun, target}] += n;
    }
    if (job->searching) continue;
    if (std::optional<JobRun::SearchOrder> order = job->run->SearchWanted()) {
      ++waiting[{WorkerRole::kSearch, job->run->definition().tasks[order->task].target_json}];
    }
  }
  std::vector<TargetQueue> queues;
  for (const auto& [key, count] : waiting) {
    Workers::Count serving = workers_.CountServing(key.first, key.second);
    queues.push_back({key.first, key.second, count, serving.all, serving.busy});
  }
  return queues;
}

Coordinator::TenantLoad Coordinator::LoadOf(std::string_view tenant) const {
  TenantLoad load;
  for (const auto& [key, job] : active_) {
    if (job->run->definition().tenant != tenant) continue;
    ++load.jobs;
    load.open_trials += job->run->definition().max_trials - job->run->finished();
  }
  return load;
}

void Coordinator::ForgetJob(std::string_view id) {
  auto it = jobs_.find(id);
  if (it != jobs_.end() && Ended(it->second.run->state()) && it->second.saving.empty()) jobs_.erase(it);
}

}  // namespace hone
