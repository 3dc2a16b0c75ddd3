#include <algorithm>

#include "common/support/strings.h"
#include "server/coordinator/coordinator.h"

namespace hone {
namespace {

constexpr size_t kMaxTasks = 10'000;
constexpr size_t kMaxScriptBytes = 8u << 20;
constexpr size_t kMaxJsonBytes = 64u << 10;
constexpr size_t kMaxNameBytes = 1u << 10;
constexpr int kMaxJsonDepth = 64;
constexpr int kMaxPriority = 1'000'000;
constexpr int kMaxSearchThreads = 1024;

// The deepest nesting of brackets, those within texts included: never less than that of the values.
int Depth(std::string_view json) {
  int depth = 0, deepest = 0;
  for (char c : json) {
    if (c == '[' || c == '{') deepest = std::max(deepest, ++depth);
    if (c == ']' || c == '}') --depth;
  }
  return deepest;
}

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
  if (task.target_json.size() > kMaxJsonBytes) {
    return Bad(where + ".target", StrCat(task.target_json.size(), " bytes"), "at most 64 KiB");
  }
  if (Depth(task.target_json) > kMaxJsonDepth) return Bad(where + ".target", "nested deeply", "at most 64 levels");
  if (task.name.size() > kMaxNameBytes)
    return Bad(where + ".name", StrCat(task.name.size(), " bytes"), "at most 1 KiB");
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
  if (job.name.size() > kMaxNameBytes) return Bad("name", StrCat(job.name.size(), " bytes"), "at most 1 KiB");
  if (job.request_id.size() > kMaxNameBytes) {
    return Bad("request_id", StrCat(job.request_id.size(), " bytes"), "at most 1 KiB");
  }
  if (job.strategy_params_json.size() > kMaxJsonBytes || Depth(job.strategy_params_json) > kMaxJsonDepth) {
    return Bad("strategy_params_json", StrCat(job.strategy_params_json.size(), " bytes"),
               "at most 64 KiB and 64 levels");
  }
  if (job.priority < -kMaxPriority || job.priority > kMaxPriority) {
    return Bad("priority", StrCat(job.priority), "-1,000,000 to 1,000,000");
  }
  if (job.search_threads > kMaxSearchThreads) return Bad("search_threads", StrCat(job.search_threads), "1 to 1,024");
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
