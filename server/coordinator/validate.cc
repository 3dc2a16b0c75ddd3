#include "common/support/strings.h"
#include "server/coordinator/coordinator.h"

namespace hone {
namespace {

constexpr size_t kMaxTasks = 10'000;
constexpr size_t kMaxScriptBytes = 8u << 20;

absl::Status Bad(std::string_view field, std::string_view value, std::string_view expected) {
  return absl::InvalidArgumentError(StrCat(field, " is ", value, ", expected ", expected));
}

absl::Status ValidateTask(const TaskDefinition& task, int index) {
  std::string where = StrCat("tasks[", index, "]");
  if (task.workload.script.empty()) return Bad(where + ".workload.script", "empty", "TVMScript");
  if (task.workload.script.size() > kMaxScriptBytes) {
    return Bad(where + ".workload.script", StrCat(task.workload.script.size(), " bytes"), "at most 8 MiB");
  }
  if (task.workload.id != WorkloadId(task.workload.script)) {
    return Bad(where + ".workload.id", task.workload.id.Hex(),
               StrCat("the id of its script, ", WorkloadId(task.workload.script).Hex()));
  }
  if (!(task.weight > 0 && task.weight <= 1e12)) return Bad(where + ".weight", StrCat(task.weight), "more than 0");
  if (task.target_json.empty()) return Bad(where + ".target", "empty", "a complete target");
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateJob(const JobDefinition& job) {
  if (job.tasks.empty() || job.tasks.size() > kMaxTasks) {
    return Bad("tasks", StrCat(job.tasks.size(), " tasks"), StrCat("1 to ", kMaxTasks));
  }
  for (size_t i = 0; i < job.tasks.size(); ++i) {
    absl::Status status = ValidateTask(job.tasks[i], static_cast<int>(i));
    if (!status.ok()) return status;
  }
  if (job.max_trials < 1 || job.max_trials > 100'000'000) {
    return Bad("max_trials", StrCat(job.max_trials), "1 to 100,000,000");
  }
  if (job.max_trials_per_task < 1) return Bad("max_trials_per_task", StrCat(job.max_trials_per_task), "at least 1");
  if (job.trials_per_round < 1 || job.trials_per_round > 10'000) {
    return Bad("trials_per_round", StrCat(job.trials_per_round), "1 to 10,000");
  }
  if (job.scheduler != "gradient" && job.scheduler != "round-robin") {
    return Bad("scheduler", StrCat("\"", job.scheduler, "\""), "gradient or round-robin");
  }
  if (job.policy.timeout <= absl::ZeroDuration() || job.policy.timeout > absl::Hours(1)) {
    return Bad("policy.timeout", absl::FormatDuration(job.policy.timeout), "up to an hour");
  }
  if (job.policy.repeat < 1 || job.policy.repeat > 10'000 || job.policy.max_repeat > 10'000) {
    return Bad("policy.repeat", StrCat(job.policy.repeat, "..", job.policy.max_repeat), "1 to 10,000");
  }
  return absl::OkStatus();
}

}  // namespace hone
