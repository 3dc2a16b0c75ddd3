#include "server/tuning/warm_start.h"

#include <utility>

#include "common/support/status_macros.h"

namespace hone {
namespace {

RecordQuery QueryFor(const TaskDefinition& task, ModuleEquality equality, const std::vector<std::string>& pools,
                     int limit) {
  RecordQuery query;
  query.equality = equality;
  query.key = task.workload.key(equality);
  query.target_json = task.target_json;
  query.pools = pools;
  query.limit = limit;
  return query;
}

absl::StatusOr<std::vector<WarmStart>> WarmStartsFor(Database& records, const TaskDefinition& task,
                                                     ModuleEquality equality, const std::vector<std::string>& pools) {
  std::vector<WarmStart> found;
  HONE_ASSIGN_OR_RETURN(const std::vector<TuningRecord> same,
                        records.Best(QueryFor(task, equality, pools, kMaxWarmStarts)));
  for (const TuningRecord& record : same) found.push_back({record.trace_json, record.run.median});
  if (equality == ModuleEquality::kAnchorBlock) return found;
  // Those of the workload itself are among them, and may be the faster ones.
  HONE_ASSIGN_OR_RETURN(
      const std::vector<TuningRecord> near,
      records.Best(QueryFor(task, ModuleEquality::kAnchorBlock, pools, kMaxWarmStarts + kMaxNearWarmStarts)));
  int left = kMaxNearWarmStarts;
  for (const TuningRecord& record : near) {
    if (left == 0) break;
    HONE_ASSIGN_OR_RETURN(const std::optional<Workload> workload, records.FindWorkload(record.workload_id));
    if (!workload || workload->key(equality) == task.workload.key(equality)) continue;
    found.push_back({record.trace_json, 0});
    --left;
  }
  return found;
}

}  // namespace

absl::Status AddWarmStarts(Database& records, const std::vector<std::string>& pools, JobDefinition& job) {
  if (job.strategy != "evolutionary" || !job.warm_start) return absl::OkStatus();
  std::vector<std::vector<WarmStart>> found;
  for (const TaskDefinition& task : job.tasks) {
    HONE_ASSIGN_OR_RETURN(found.emplace_back(), WarmStartsFor(records, task, job.equality, pools));
  }
  for (size_t i = 0; i < found.size(); ++i) job.tasks[i].warm_starts = std::move(found[i]);
  return absl::OkStatus();
}

}  // namespace hone
