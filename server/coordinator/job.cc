#include "server/coordinator/job.h"

#include <algorithm>
#include <array>

namespace hone {

SearchTaskSpec SearchSpecOf(const JobDefinition& job, int task) {
  const TaskDefinition& definition = job.tasks[task];
  SearchTaskSpec spec;
  spec.task_name = definition.name;
  spec.workload_script = definition.workload.script;
  spec.target_json = definition.target_json;
  spec.strategy = job.strategy;
  spec.cost_model = job.cost_model;
  spec.space = definition.space;
  spec.strategy_params_json = job.strategy_params_json;
  spec.max_trials = std::min(job.max_trials, job.max_trials_per_task);
  spec.trials_per_round = job.trials_per_round;
  spec.seed = job.seed;
  spec.task_index = task;
  spec.num_threads = job.search_threads;
  spec.plugins = job.plugins;
  spec.warm_starts = definition.warm_starts;
  return spec;
}

std::string_view JobStateName(JobState state) {
  static constexpr std::array<std::string_view, 5> kNames = {"running", "paused", "done", "cancelled", "failed"};
  return kNames[static_cast<int>(state)];
}

}  // namespace hone
