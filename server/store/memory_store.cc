#include "server/store/memory_store.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone {

absl::StatusOr<uint64_t> MemoryStore::Lead() {
  absl::MutexLock lock(&mutex_);
  // Grows over restarts too, so that workers know the leases of a former life.
  uint64_t now = static_cast<uint64_t>(absl::ToUnixSeconds(absl::Now()));
  return epoch_ = std::max(epoch_ + 1, now);
}

absl::StatusOr<Inserted> MemoryStore::InsertJob(const JobDefinition& job) {
  absl::MutexLock lock(&mutex_);
  for (const auto& [id, known] : jobs_) {
    const JobDefinition& d = known.stored.definition;
    if (!job.request_id.empty() && d.request_id == job.request_id && d.tenant == job.tenant) return Inserted{id, true};
  }
  Job entry;
  for (const TaskDefinition& task : job.tasks) {
    HONE_ASSIGN_OR_RETURN(Workload stored, database_->CommitWorkload(task.workload));
    entry.stored_id[task.workload.id] = stored.id;
  }
  entry.stored.definition = job;
  jobs_[job.id] = std::move(entry);
  return Inserted{job.id, false};
}

absl::StatusOr<std::vector<TuningRecord>> MemoryStore::Renamed(const std::vector<TuningRecord>& records) const {
  std::vector<TuningRecord> renamed = records;
  for (TuningRecord& record : renamed) {
    auto job = jobs_.find(record.slot.job_id);
    if (job == jobs_.end()) continue;
    auto id = job->second.stored_id.find(record.workload_id);
    if (id != job->second.stored_id.end()) record.workload_id = id->second;
  }
  return renamed;
}

absl::Status MemoryStore::Commit(const WriteBatch& batch) {
  absl::MutexLock lock(&mutex_);
  HONE_ASSIGN_OR_RETURN(std::vector<TuningRecord> records, Renamed(batch.records));
  HONE_RETURN_IF_ERROR(database_->CommitRecords(records).status());
  for (const auto& [id, json] : batch.skeletons) skeletons_[id] = json;
  for (const auto& [id, plan] : batch.rounds) {
    auto job = jobs_.find(id);
    if (job == jobs_.end()) return absl::InternalError(StrCat("a round of job ", id, ", which is not stored"));
    std::vector<RoundPlan>& rounds = job->second.stored.rounds;
    if (plan.sequence == rounds.size()) rounds.push_back(plan);
  }
  for (const TuningRecord& record : batch.records) {
    auto job = jobs_.find(record.slot.job_id);
    if (job == jobs_.end() || !job->second.slots.insert(record.slot).second) continue;
    Outcome outcome{record.run, record.build_time, record.artifact_key, {}};
    job->second.stored.outcomes.emplace_back(record.slot, std::move(outcome));
  }
  for (const JobChange& change : batch.jobs) {
    auto job = jobs_.find(change.job_id);
    if (job == jobs_.end()) continue;
    job->second.stored.state = change.state;
    job->second.stored.reason = change.reason;
    job->second.stored.ended = change.ended;
    job->second.report = change.report;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<StoredJob>> MemoryStore::LoadActiveJobs() {
  absl::MutexLock lock(&mutex_);
  std::vector<StoredJob> active;
  for (const auto& [id, job] : jobs_) {
    if (Ended(job.stored.state)) continue;
    StoredJob& copy = active.emplace_back(job.stored);
    for (const auto& [skeleton, json] : skeletons_) copy.skeletons.emplace_back(skeleton, json);
  }
  return active;
}

absl::StatusOr<std::optional<JobSummary>> MemoryStore::FindJob(const std::string& id) {
  absl::MutexLock lock(&mutex_);
  auto job = jobs_.find(id);
  if (job == jobs_.end()) return std::nullopt;
  return JobSummary{job->second.stored.definition, job->second.stored.state, job->second.report};
}

absl::StatusOr<std::vector<JobSummary>> MemoryStore::ListJobs(const JobListRequest& request) {
  absl::MutexLock lock(&mutex_);
  std::vector<JobSummary> found;
  for (auto it = jobs_.rbegin(); it != jobs_.rend() && static_cast<int>(found.size()) < request.limit; ++it) {
    if (!request.before.empty() && it->first >= request.before) continue;
    if (!request.ended && Ended(it->second.stored.state)) continue;
    if (request.tenant && it->second.stored.definition.tenant != *request.tenant) continue;
    found.push_back({it->second.stored.definition, it->second.stored.state, it->second.report});
  }
  return found;
}

}  // namespace hone
