#include "server/wire/jobs_wire.h"

#include <algorithm>
#include <utility>

#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/target/kind_of.h"
#include "common/wire/records_wire.h"

namespace hone {
namespace {

v1::TaskSpec TaskToProto(const TaskDefinition& task) {
  v1::TaskSpec proto;
  proto.set_name(task.name);
  *proto.mutable_workload() = ToProto(task.workload);
  proto.set_weight(task.weight);
  proto.set_target_json(task.target_json);
  proto.set_space(task.space);
  for (const WarmStart& warm : task.warm_starts) {
    v1::WarmStart* added = proto.add_warm_starts();
    added->set_trace_json(warm.trace_json);
    added->set_median_secs(warm.median_secs);
  }
  return proto;
}

absl::StatusOr<TaskDefinition> TaskFromProto(const v1::TaskSpec& proto, const v1::JobSpec& spec) {
  TaskDefinition task;
  task.name = proto.name();
  HONE_ASSIGN_OR_RETURN(task.workload, FromProto(proto.workload()));
  if (proto.weight() != 0) task.weight = proto.weight();
  task.target_json = proto.target_json().empty() ? spec.target_json() : proto.target_json();
  if (!spec.space().empty()) task.space = spec.space();
  if (!proto.space().empty()) task.space = proto.space();
  for (const v1::WarmStart& warm : proto.warm_starts()) {
    task.warm_starts.push_back({warm.trace_json(), warm.median_secs()});
  }
  return task;
}

void Take(const std::string& from, std::string& to) {
  if (!from.empty()) to = from;
}

v1::TaskReport TaskToProto(const TaskReport& task) {
  v1::TaskReport proto;
  proto.set_name(task.name);
  proto.set_workload_id(task.workload_id.Raw());
  proto.set_weight(task.weight);
  proto.set_flops(task.flops);
  proto.set_trials(task.trials);
  proto.set_failed(task.failed);
  proto.set_rounds(task.rounds);
  proto.set_metric(ToProto(task.metric));
  proto.set_best(task.best);
  if (!task.best_slot.job_id.empty()) {
    *proto.mutable_best_slot() = ToProto(task.best_slot);
    TuningRecord best;
    best.slot = task.best_slot;
    best.pool = task.pool;
    proto.set_best_record_id(RecordId(best).Raw());
  }
  proto.set_baseline(task.baseline);
  proto.set_exhausted(task.exhausted);
  proto.set_error(task.error);
  proto.set_ranking(task.ranking);
  return proto;
}

// Of its first task; empty when it has none, or one that is no target.
std::string KindOfTargets(const JobDefinition& job) {
  return job.tasks.empty() ? "" : KindOfTarget(job.tasks[0].target_json);
}

}  // namespace

v1::JobSpec ToProto(const JobDefinition& job) {
  v1::JobSpec spec;
  spec.set_name(job.name);
  for (const TaskDefinition& task : job.tasks) *spec.add_tasks() = TaskToProto(task);
  spec.set_max_trials(job.max_trials);
  spec.set_max_trials_per_task(job.max_trials_per_task);
  spec.set_trials_per_round(job.trials_per_round);
  spec.set_strategy(job.strategy);
  spec.set_cost_model(job.cost_model);
  spec.set_scheduler(job.scheduler);
  spec.set_strategy_params_json(job.strategy_params_json);
  spec.set_seed(job.seed);
  spec.set_equality(ToProto(job.equality));
  *spec.mutable_policy() = ToProto(job.policy);
  spec.set_build_timeout_secs(absl::ToDoubleSeconds(job.build_timeout));
  spec.set_priority(job.priority);
  spec.set_no_baseline(!job.measure_baseline);
  spec.set_no_warm_start(!job.warm_start);
  spec.mutable_ownership()->set_tenant(job.tenant);
  spec.mutable_ownership()->set_pool(job.pool);
  spec.mutable_ownership()->set_created_by(job.created_by);
  for (const std::string& plugin : job.plugins) spec.add_plugins(plugin);
  spec.set_search_threads(job.search_threads);
  return spec;
}

absl::StatusOr<JobDefinition> FromProto(const v1::JobSpec& spec) {
  JobDefinition job;
  job.name = spec.name();
  for (const v1::TaskSpec& proto : spec.tasks()) {
    HONE_ASSIGN_OR_RETURN(TaskDefinition task, TaskFromProto(proto, spec));
    job.tasks.push_back(std::move(task));
  }
  job.max_trials = spec.max_trials();
  job.max_trials_per_task = spec.max_trials_per_task() > 0 ? spec.max_trials_per_task() : spec.max_trials();
  if (spec.trials_per_round() != 0) job.trials_per_round = spec.trials_per_round();
  Take(spec.strategy(), job.strategy);
  Take(spec.cost_model(), job.cost_model);
  Take(spec.scheduler(), job.scheduler);
  Take(spec.strategy_params_json(), job.strategy_params_json);
  job.seed = spec.seed();
  job.equality = FromProto(spec.equality());
  job.policy = spec.has_policy() ? FromProto(spec.policy()) : DefaultPolicyFor(KindOfTargets(job));
  if (spec.build_timeout_secs() > 0) job.build_timeout = absl::Seconds(std::min(spec.build_timeout_secs(), 3600.0));
  job.priority = spec.priority();
  job.measure_baseline = !spec.no_baseline();
  job.warm_start = !spec.no_warm_start();
  job.tenant = spec.ownership().tenant();
  job.pool = spec.ownership().pool();
  job.created_by = spec.ownership().created_by();
  job.plugins.assign(spec.plugins().begin(), spec.plugins().end());
  if (spec.search_threads() > 0) job.search_threads = spec.search_threads();
  return job;
}

v1::JobState ToProto(JobState state) { return static_cast<v1::JobState>(static_cast<int>(state) + 1); }

v1::JobReport ToProto(const JobReport& report) {
  v1::JobReport proto;
  proto.set_id(report.id);
  proto.set_name(report.name);
  proto.set_state(ToProto(report.state));
  proto.set_reason(report.reason);
  for (const TaskReport& task : report.tasks) *proto.add_tasks() = TaskToProto(task);
  proto.set_trials(report.trials);
  proto.set_max_trials(report.max_trials);
  for (const auto& [kind, count] : report.failures) {
    v1::FailureCount* failure = proto.add_failures();
    failure->set_kind(ToProto(kind));
    failure->set_count(count.count);
    failure->set_example(count.example);
    for (const FailureMessage& message : count.top) {
      v1::FailureMessage* top = failure->add_top();
      top->set_text(message.text);
      top->set_count(message.count);
    }
  }
  proto.mutable_time()->set_search_secs(report.time.search);
  proto.mutable_time()->set_model_secs(report.time.model);
  proto.mutable_time()->set_build_secs(report.time.build);
  proto.mutable_time()->set_run_secs(report.time.run);
  proto.mutable_time()->set_wall_secs(report.time.wall);
  proto.mutable_time()->set_run_idle_secs(report.time.run_idle);
  proto.set_created_unix_secs(ToUnixSecs(report.created));
  if (report.ended != absl::InfiniteFuture()) proto.set_ended_unix_secs(ToUnixSecs(report.ended));
  return proto;
}

}  // namespace hone
