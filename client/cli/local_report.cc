#include "client/cli/local_report.h"

namespace hone::cli {
namespace {

v1::JobState ToProto(JobState state) {
  switch (state) {
    case JobState::kRunning:
      return v1::JOB_STATE_RUNNING;
    case JobState::kPaused:
      return v1::JOB_STATE_PAUSED;
    case JobState::kDone:
      return v1::JOB_STATE_DONE;
    case JobState::kCancelled:
      return v1::JOB_STATE_CANCELLED;
    case JobState::kFailed:
      return v1::JOB_STATE_FAILED;
  }
  return v1::JOB_STATE_UNSPECIFIED;
}

// Both enumerate the kinds in the order of the design; the protocol's zero says nothing.
v1::FailureKind ToProto(FailureKind kind) { return static_cast<v1::FailureKind>(static_cast<int>(kind) + 1); }

double UnixSecs(absl::Time time) {
  return time == absl::InfiniteFuture() ? 0 : absl::ToDoubleSeconds(time - absl::UnixEpoch());
}

void FillTask(const TaskReport& task, v1::TaskReport* proto) {
  proto->set_name(task.name);
  proto->set_workload_id(task.workload_id.bytes.data(), task.workload_id.bytes.size());
  proto->set_weight(task.weight);
  proto->set_trials(task.trials);
  proto->set_failed(task.failed);
  proto->set_rounds(task.rounds);
  proto->set_metric(task.metric == Metric::kSeconds ? v1::METRIC_SECONDS : v1::METRIC_INSTRUCTIONS);
  proto->set_best(task.best);
  proto->set_baseline(task.baseline);
  proto->set_exhausted(task.exhausted);
  proto->set_flops(task.flops);
  proto->set_error(task.error);
}

}  // namespace

v1::JobReport ReportToProto(const JobReport& report) {
  v1::JobReport proto;
  proto.set_id(report.id);
  proto.set_name(report.name);
  proto.set_state(ToProto(report.state));
  proto.set_reason(report.reason);
  proto.set_trials(report.trials);
  proto.set_max_trials(report.max_trials);
  for (const TaskReport& task : report.tasks) FillTask(task, proto.add_tasks());
  for (const auto& [kind, count] : report.failures) {
    v1::FailureCount* failure = proto.add_failures();
    failure->set_kind(ToProto(kind));
    failure->set_count(count.count);
    failure->set_example(count.example);
  }
  v1::TimeSplit* time = proto.mutable_time();
  time->set_search_secs(report.time.search);
  time->set_model_secs(report.time.model);
  time->set_build_secs(report.time.build);
  time->set_run_secs(report.time.run);
  time->set_wall_secs(report.time.wall);
  time->set_run_idle_secs(report.time.run_idle);
  proto.set_created_unix_secs(UnixSecs(report.created));
  proto.set_ended_unix_secs(UnixSecs(report.ended));
  return proto;
}

}  // namespace hone::cli
