#include "server/tuning/record_maker.h"

#include "common/support/status_macros.h"

namespace hone {

absl::StatusOr<TuningRecord> MakeRecord(const JobDefinition& job, const SaveOutcome& save,
                                        std::string_view skeleton_json, absl::Time now) {
  const TaskDefinition& task = job.tasks[save.slot.task];
  TuningRecord record;
  record.workload_id = task.workload.id;
  if (skeleton_json.empty()) {
    record.trace_json = "[[],[]]";
  } else {
    HONE_ASSIGN_OR_RETURN(record.trace_json, JoinSkeleton(skeleton_json, save.candidate.decisions_json));
  }
  record.target_json = task.target_json;
  if (!save.outcome.args.empty()) record.args_info = save.outcome.args;
  record.run = save.outcome.run;
  record.policy = job.policy;
  bool right = record.run.verdict == Verdict::kRight;
  record.trust = record.run.failure ? Trust::kFailed : right ? Trust::kVerified : Trust::kImported;
  record.device = save.device;
  record.revisions = save.revisions;
  record.slot = save.slot;
  record.lease = save.token;
  record.worker = save.worker;
  record.tenant = job.tenant;
  record.pool = job.pool;
  record.created_by = job.created_by;
  record.created = now;
  record.build_time = save.outcome.build_time;
  record.artifact_key = save.outcome.artifact_key;
  record.id = RecordId(record);
  return record;
}

}  // namespace hone
