#include "server/tuning/warm_start.h"

#include <utility>

#include "common/record/trace_semantics.h"
#include "common/support/status_macros.h"

namespace hone {
namespace {

using Classes = std::set<std::string>;

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

// Records of the devices first, the fastest first; then those of others.
struct Found {
  std::vector<TuningRecord> same, others;
};
absl::StatusOr<Found> Find(Database& records, RecordQuery query, const Classes& classes) {
  Found found;
  if (classes.empty()) {
    HONE_ASSIGN_OR_RETURN(found.same, records.Best(query));
  } else {
    for (const std::string& device : classes) query.devices.push_back({device, query.target_json});
    HONE_ASSIGN_OR_RETURN(found.same, records.Best(query));
    query.devices.clear();
    if (static_cast<int>(found.same.size()) < query.limit) {
      HONE_ASSIGN_OR_RETURN(found.others, records.Best(query));
    }
  }
  std::erase_if(found.same, [](const TuningRecord& r) { return !CheckTraceSemantics(r.revisions).ok(); });
  std::erase_if(found.others, [&](const TuningRecord& r) {
    return classes.contains(r.device.device_class) || !CheckTraceSemantics(r.revisions).ok();
  });
  return found;
}

absl::StatusOr<std::vector<WarmStart>> WarmStartsFor(Database& records, const TaskDefinition& task,
                                                     ModuleEquality equality, const std::vector<std::string>& pools,
                                                     const Classes& classes) {
  std::vector<WarmStart> starts;
  HONE_ASSIGN_OR_RETURN(const Found own, Find(records, QueryFor(task, equality, pools, kMaxWarmStarts), classes));
  for (const TuningRecord& record : own.same) starts.push_back({record.trace_json, record.run.median});
  for (const TuningRecord& record : own.others) {  // Times of other devices would mislead.
    if (starts.size() < kMaxWarmStarts) starts.push_back({record.trace_json, 0});
  }
  if (equality == ModuleEquality::kAnchorBlock) return starts;
  // Those of the workload itself are among them, and may be the faster ones.
  HONE_ASSIGN_OR_RETURN(
      const Found near,
      Find(records, QueryFor(task, ModuleEquality::kAnchorBlock, pools, kMaxWarmStarts + kMaxNearWarmStarts), classes));
  int left = kMaxNearWarmStarts;
  for (const std::vector<TuningRecord>* some : {&near.same, &near.others}) {
    for (const TuningRecord& record : *some) {
      if (left == 0) break;
      HONE_ASSIGN_OR_RETURN(const std::optional<Workload> workload, records.FindWorkload(record.workload_id));
      if (!workload || workload->key(equality) == task.workload.key(equality)) continue;
      starts.push_back({record.trace_json, 0});
      --left;
    }
  }
  return starts;
}

}  // namespace

absl::Status AddWarmStarts(Database& records, const std::vector<std::string>& pools, const DeviceClasses& devices,
                           JobDefinition& job) {
  if (job.strategy != "evolutionary" || !job.warm_start) return absl::OkStatus();
  std::vector<std::vector<WarmStart>> found;
  for (const TaskDefinition& task : job.tasks) {
    const auto classes = devices.find(task.target_json);
    HONE_ASSIGN_OR_RETURN(found.emplace_back(), WarmStartsFor(records, task, job.equality, pools,
                                                              classes == devices.end() ? Classes() : classes->second));
  }
  for (size_t i = 0; i < found.size(); ++i) job.tasks[i].warm_starts = std::move(found[i]);
  return absl::OkStatus();
}

}  // namespace hone
