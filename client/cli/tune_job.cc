#include "client/cli/tune_job.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <map>
#include <random>
#include <thread>

#include "client/cli/workload_file.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/target/host.h"
#include "common/target/target.h"
#include "worker/local/gpu_target.h"

namespace hone::cli {
namespace {

absl::StatusOr<Target> TargetFromArgument(const std::string& text, bool embedded) {
  HONE_ASSIGN_OR_RETURN(Target target, Target::Parse(text));
  if (!embedded) return target;
  HONE_ASSIGN_OR_RETURN(target, CompleteGpuTarget(target));
  return target.FilledFrom(DetectHost());
}

absl::StatusOr<std::vector<double>> WeightsFromArgument(const std::vector<std::string>& texts, size_t tasks) {
  if (texts.empty()) return std::vector<double>(tasks, 1.0);
  if (texts.size() != tasks) {
    return absl::InvalidArgumentError(StrCat("--weights has ", texts.size(), " numbers for ", tasks, " programs"));
  }
  std::vector<double> weights;
  for (const std::string& text : texts) {
    char* end = nullptr;
    const double weight = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0' || !(weight > 0)) {
      return absl::InvalidArgumentError(StrCat("--weights: \"", text, "\" is not a positive number"));
    }
    weights.push_back(weight);
  }
  return weights;
}

absl::Status ApplySpecialSpaces(const std::vector<std::string>& texts, JobDefinition* job) {
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos) {
      return absl::InvalidArgumentError(StrCat("--special-space \"", text, "\" is not of the form TASK=SPACE"));
    }
    const std::string task = text.substr(0, equals);
    auto it =
        std::find_if(job->tasks.begin(), job->tasks.end(), [&](const TaskDefinition& t) { return t.name == task; });
    if (it == job->tasks.end()) {
      return absl::InvalidArgumentError(StrCat("--special-space: no program of this job is called \"", task, "\""));
    }
    it->space = text.substr(equals + 1);
  }
  return absl::OkStatus();
}

// Names are file names without folder and extension; a second one of a name gets "-2".
std::string UniqueName(const std::string& path, const std::vector<TaskDefinition>& tasks) {
  const size_t slash = path.find_last_of('/');
  std::string stem = slash == std::string::npos ? path : path.substr(slash + 1);
  stem = stem.substr(0, stem.find_last_of('.'));
  std::string name = stem;
  auto taken = [&] {
    return std::any_of(tasks.begin(), tasks.end(), [&](const TaskDefinition& task) { return task.name == name; });
  };
  for (int n = 2; taken(); ++n) name = StrCat(stem, "-", n);
  return name;
}

// Small rounds learn sooner; large ones keep busy a GPU, which many builders feed (docs/gpu.md has figures of both).
int64_t DefaultTrialsPerRound(std::string_view target_kind) { return target_kind == "cuda" ? 64 : 32; }

absl::StatusOr<int64_t> Positive(std::string_view flag, int64_t value) {
  if (value > 0) return value;
  return absl::InvalidArgumentError(StrCat("--", flag, " ", value, " is not positive"));
}

}  // namespace

void TuneArguments::Declare(Flags& flags) {
  flags.AddPositionals("FILE", &files, "Programs in TVMScript");
  flags.AddRequired("target", &target, "What to tune for: a target string, a tag, or JSON");
  flags.Add("name", &name, "Name of the job, for people");
  flags.Add("max-trials", &max_trials, "Candidates to measure, over all programs");
  flags.Add("max-trials-per-task", &max_trials_per_task, "Candidates to measure for one program; 0 = --max-trials");
  flags.Add("trials-per-iter", &trials_per_iter, "Candidates of one round; 0 = 64 for GPUs, 32 for others");
  flags.AddOneOf("strategy", &strategy, {"evolutionary", "replay-trace", "replay-func"}, "Search strategy");
  flags.Add("strategy-params", &strategy_params, "Parameters of the strategy that differ from its defaults (JSON)");
  flags.AddOneOf("cost-model", &cost_model, {"xgb", "mlp", "random", "none"}, "Cost model");
  flags.AddOneOf("scheduler", &scheduler, {"gradient", "round-robin"}, "Which program gets the next round");
  flags.Add(
      "space", &space,
      "Design spaces: hone, post-order-apply (the peer's), either with (KIND), union(SPACE, ...), or a plug-in's");
  flags.Add("special-space", &special_space, "TASK=SPACE: other design spaces for one program");
  flags.Add("weights", &weights, "Importance of each program, in their order");
  flags.Add("num-tuning-cores", &num_tuning_cores, "Cores to search and build with; 0 = all");
  flags.AddOneOf("module-equality", &module_equality, {"structural", "ignore-ndarray", "anchor-block"},
                 "When two programs are the same");
  flags.Add("post-optimization", &post_optimization, "Improve the best schedule of each program afterwards");
  flags.Add("no-warm-start", &no_warm_start, "Do not start from verified records of earlier jobs");
  flags.Add("seed", &seed, "Seed of the search; negative = a fresh one");
  flags.Add("priority", &priority, "Among your jobs on a server, higher goes first");
  flags.Add("plugin", &plugins,
            "Plug-in for the search: a FILE.so, or with --server the name of one that its search workers have");
}

absl::StatusOr<JobDefinition> JobFromArguments(const TuneArguments& arguments, bool embedded) {
  JobDefinition job;
  job.name = arguments.name;
  HONE_ASSIGN_OR_RETURN(job.max_trials, Positive("max-trials", arguments.max_trials));
  job.max_trials_per_task = arguments.max_trials_per_task > 0 ? arguments.max_trials_per_task : job.max_trials;
  job.strategy = arguments.strategy;
  job.strategy_params_json = arguments.strategy_params;
  job.cost_model = arguments.cost_model;
  job.scheduler = arguments.scheduler;
  job.plugins = arguments.plugins;
  job.warm_start = !arguments.no_warm_start;
  constexpr int64_t kMaxPriority = 1'000'000;
  if (arguments.priority < -kMaxPriority || arguments.priority > kMaxPriority) {
    return absl::InvalidArgumentError(StrCat("--priority is ", arguments.priority, ", expected -1000000 to 1000000"));
  }
  job.priority = static_cast<int>(arguments.priority);
  job.equality = ModuleEqualityFromName(arguments.module_equality).value();
  job.seed = arguments.seed >= 0 ? static_cast<uint64_t>(arguments.seed) : std::random_device()();
  const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  job.search_threads = static_cast<int>(arguments.num_tuning_cores > 0 ? arguments.num_tuning_cores : cores);
  HONE_ASSIGN_OR_RETURN(Target target, TargetFromArgument(arguments.target, embedded));
  job.policy = DefaultPolicyFor(target.kind());
  HONE_ASSIGN_OR_RETURN(job.trials_per_round, Positive("trials-per-iter", arguments.trials_per_iter == 0
                                                                              ? DefaultTrialsPerRound(target.kind())
                                                                              : arguments.trials_per_iter));
  HONE_ASSIGN_OR_RETURN(std::vector<double> weights, WeightsFromArgument(arguments.weights, arguments.files.size()));
  for (size_t i = 0; i < arguments.files.size(); ++i) {
    TaskDefinition task;
    HONE_ASSIGN_OR_RETURN(task.workload, LoadWorkload(arguments.files[i]));
    task.name = UniqueName(arguments.files[i], job.tasks);
    task.workload.name = task.name;
    task.weight = weights[i];
    task.target_json = target.ToJson();
    task.space = arguments.space;
    job.tasks.push_back(std::move(task));
  }
  HONE_RETURN_IF_ERROR(ApplySpecialSpaces(arguments.special_space, &job));
  if (job.name.empty()) {
    job.name = job.tasks[0].name;
    if (job.tasks.size() > 1) StrAppend(&job.name, " and ", job.tasks.size() - 1, " more");
  }
  return job;
}

}  // namespace hone::cli
