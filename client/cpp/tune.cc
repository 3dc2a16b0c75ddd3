#include "client/cpp/tune.h"

#include <algorithm>
#include <random>
#include <utility>

#include "client/cpp/durable_tune.h"
#include "client/cpp/log_files.h"
#include "client/cpp/named_space.h"
#include "client/cpp/post_optimization.h"
#include "common/support/profiler.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::meta_schedule {
namespace {

template <typename T>
bool IsKind(const KindOr<T>& value) {
  return std::holds_alternative<std::string>(value);
}
template <typename T>
const std::string& KindOf(const KindOr<T>& value) {
  return std::get<std::string>(value);
}

absl::StatusOr<std::unique_ptr<SpaceGenerator>> SpaceFor(const std::string& name, const TuneTirOptions& options) {
  auto special = options.special_space.find(name);
  if (special != options.special_space.end()) return special->second->Clone();
  if (IsKind(options.space)) return CreateSpaceGenerator(KindOf(options.space));
  return std::get<1>(options.space)->Clone();
}

absl::StatusOr<std::unique_ptr<SearchStrategy>> StrategyOf(const TuneTirOptions& options) {
  if (IsKind(options.strategy)) return SearchStrategy::Create(KindOf(options.strategy));
  return std::get<1>(options.strategy)->Clone();
}

absl::StatusOr<std::shared_ptr<TuneContext>> MakeContext(const ir::IRModule& mod, const Target& target,
                                                         const std::string& name, int64_t seed, Logger logger,
                                                         const TuneTirOptions& options) {
  TuneContextOptions context;
  context.mod = mod;
  context.target = target;
  HONE_ASSIGN_OR_RETURN(context.space_generator, SpaceFor(name, options));
  HONE_ASSIGN_OR_RETURN(context.search_strategy, StrategyOf(options));
  context.task_name = name;
  context.rand_state = seed;
  context.num_threads = options.num_tuning_cores;
  context.logger = std::move(logger);
  HONE_ASSIGN_OR_RETURN(const std::unique_ptr<TuneContext> made, TuneContext::Create(std::move(context)));
  HONE_ASSIGN_OR_RETURN(std::unique_ptr<TuneContext> clone, made->Clone());
  return std::shared_ptr<TuneContext>(std::move(clone));
}

ir::IRModule ModuleOfFunction(const ir::IRModule& mod, ir::PrimFunc function) {
  auto arena = std::make_shared<ir::Arena>();
  arena->KeepAlive(mod.arena());
  return NormalizeFunction(arena, function);
}

absl::StatusOr<std::shared_ptr<Database>> DatabaseOf(const TuneSettings& settings, const std::string& work_dir) {
  if (!IsKind(settings.database)) return std::get<1>(settings.database);
  Database::Options options;
  options.work_dir = work_dir;
  options.module_equality = settings.module_equality;
  options.server = settings.server;
  return Database::Create(KindOf(settings.database), options);
}

// "main", "main-2", ...: a job's tasks are told apart by their names.
std::string UniqueName(const std::string& name, const std::vector<DurableTask>& tasks) {
  const auto taken = [&](const std::string& one) {
    return std::any_of(tasks.begin(), tasks.end(), [&](const DurableTask& task) { return task.name == one; });
  };
  std::string out = name;
  for (int n = 2; taken(out); ++n) out = StrCat(name, "-", n);
  return out;
}

// The job that does what is asked; nullopt when the search has to stay in this process: without a farm, and when
// something is an object of the caller's, which no server can make.
std::optional<DurableSettings> AsJob(const TuneTasksOptions& options) {
  const auto* callbacks = std::get_if<std::string>(&options.measure_callbacks);
  const bool on_farm = options.server != nullptr && IsKind(options.builder) && IsKind(options.runner) &&
                       KindOf(options.builder) == "remote" && KindOf(options.runner) == "rpc";
  if (!on_farm || !IsKind(options.cost_model) || !IsKind(options.task_scheduler) || callbacks == nullptr ||
      *callbacks != "default") {
    return std::nullopt;
  }
  DurableSettings job;
  std::optional<StockStrategy> strategy;
  for (size_t i = 0; i < options.tasks.size(); ++i) {
    const TuneContext& task = *options.tasks[i];
    if (!task.mod() || !task.has_target() || task.space_generator() == nullptr || task.search_strategy() == nullptr) {
      return std::nullopt;
    }
    const std::optional<std::string> space = StockSpaceName(*task.space_generator());
    const std::optional<StockStrategy> own = task.search_strategy()->Stock();
    if (!space.has_value() || !own.has_value() || (strategy.has_value() && *strategy != *own)) return std::nullopt;
    strategy = own;
    job.tasks.push_back(
        {UniqueName(task.task_name(), job.tasks), task.mod(), options.task_weights[i], task.target().ToJson(), *space});
    job.search_threads = std::max(job.search_threads, task.num_threads());
  }
  job.target_json = job.tasks[0].target_json;
  job.max_trials_global = options.max_trials_global;
  job.max_trials_per_task = options.max_trials_per_task.value_or(options.max_trials_global);
  job.num_trials_per_iter = options.num_trials_per_iter;
  job.strategy = strategy->kind;
  job.strategy_params_json = strategy->params_json;
  job.cost_model = KindOf(options.cost_model);
  job.task_scheduler = KindOf(options.task_scheduler);
  job.module_equality = options.module_equality;
  job.seed = static_cast<uint64_t>(options.tasks[0]->rand_state());
  job.stop = options.stop;
  return job;
}

absl::StatusOr<std::shared_ptr<Database>> TuneAsJob(const TuneTasksOptions& options, const DurableSettings& job) {
  HONE_ASSIGN_OR_RETURN(std::shared_ptr<Database> database, DatabaseOf(options, options.work_dir));
  HONE_RETURN_IF_ERROR(TuneAsJob(options.server, job, *database));
  if (!options.post_optimization) return database;
  HONE_ASSIGN_OR_RETURN(const std::unique_ptr<Builder> builder, Builder::Create("remote"));
  RunnerOptions runner_options;
  runner_options.server = options.server;
  HONE_ASSIGN_OR_RETURN(const std::unique_ptr<Runner> runner, Runner::Create("rpc", runner_options));
  HONE_RETURN_IF_ERROR(PostOptimize(options.tasks, *database, *builder, *runner).status());
  return database;
}

absl::StatusOr<TuneOptions> Resolve(TuneTasksOptions& options) {
  TuneOptions out;
  const int cores = options.tasks.empty() ? 1 : options.tasks[0]->num_threads();
  if (IsKind(options.builder)) {
    BuilderOptions builder;
    builder.max_workers = cores;
    HONE_ASSIGN_OR_RETURN(out.builder, Builder::Create(KindOf(options.builder), builder));
  } else {
    out.builder = std::get<1>(options.builder);
  }
  if (IsKind(options.runner)) {
    RunnerOptions runner;
    runner.server = options.server;
    HONE_ASSIGN_OR_RETURN(out.runner, Runner::Create(KindOf(options.runner), runner));
  } else {
    out.runner = std::get<1>(options.runner);
  }
  HONE_ASSIGN_OR_RETURN(out.database, DatabaseOf(options, options.work_dir));
  if (IsKind(options.cost_model)) {
    HONE_ASSIGN_OR_RETURN(out.cost_model, CostModel::Create(KindOf(options.cost_model)));
  } else {
    out.cost_model = std::get<1>(options.cost_model);
  }
  if (const auto* kind = std::get_if<std::string>(&options.measure_callbacks)) {
    HONE_ASSIGN_OR_RETURN(out.measure_callbacks, MeasureCallback::Create(*kind));
  } else {
    out.measure_callbacks = std::get<1>(options.measure_callbacks);
  }
  out.tasks = options.tasks;
  out.task_weights = options.task_weights;
  out.max_trials_global = options.max_trials_global;
  out.max_trials_per_task = options.max_trials_per_task.value_or(options.max_trials_global);
  out.num_trials_per_iter = options.num_trials_per_iter;
  out.stop = options.stop;
  return out;
}

}  // namespace

std::vector<int64_t> ForkSeeds(std::optional<uint32_t> seed, int n) {
  std::mt19937 engine(seed.has_value() ? *seed : std::random_device()());
  constexpr uint32_t kMask = (1u << 30) - 1;
  constexpr uint32_t kRange = (1u << 30) - 2;  // Of what is added to 1.
  std::vector<int64_t> out;
  for (int i = 0; i < n; ++i) {
    uint32_t draw = kRange + 1;
    while (draw > kRange) draw = static_cast<uint32_t>(engine()) & kMask;
    out.push_back(1 + static_cast<int64_t>(draw));
  }
  return out;
}

absl::StatusOr<std::shared_ptr<Database>> TuneTir(const ir::IRModule& mod, const Target& target,
                                                  const std::string& work_dir, int64_t max_trials_global,
                                                  TuneTirOptions options) {
  const ir::IRModule module = NormalizeModule(mod);
  std::vector<std::pair<std::string, ir::PrimFunc>> functions;
  for (const ir::ModuleEntry& entry : module->functions) {
    if (const auto* f = ir::As<ir::PrimFuncNode>(entry.function)) functions.emplace_back(entry.var->name, f);
  }
  if (functions.empty()) return absl::InvalidArgumentError("the module has no tensor program to tune");
  const std::vector<int64_t> seeds = ForkSeeds(options.seed, static_cast<int>(functions.size()));
  TuneTasksOptions tasks;
  static_cast<TuneSettings&>(tasks) = options;
  tasks.work_dir = work_dir;
  tasks.max_trials_global = max_trials_global;
  for (size_t i = 0; i < functions.size(); ++i) {
    const auto& [name, function] = functions[i];
    HONE_ASSIGN_OR_RETURN(Logger logger,
                          TaskLogger(work_dir, static_cast<int>(i), static_cast<int>(functions.size()), name));
    auto special = options.special_space.find(name);
    if (special != options.special_space.end() && special->second == nullptr) continue;
    const ir::IRModule task = ModuleOfFunction(module, function);
    HONE_ASSIGN_OR_RETURN(std::shared_ptr<TuneContext> context,
                          MakeContext(task, target, name, seeds[i], std::move(logger), options));
    tasks.tasks.push_back(std::move(context));
    tasks.task_weights.push_back(1.0);
  }
  if (tasks.tasks.empty()) return absl::InvalidArgumentError("special_space leaves no task to tune");
  return TuneTasks(std::move(tasks));
}

absl::StatusOr<std::shared_ptr<Database>> TuneTasks(TuneTasksOptions options) {
  if (options.tasks.empty() || options.tasks.size() != options.task_weights.size()) {
    return absl::InvalidArgumentError(StrCat(options.tasks.size(), " tasks with ", options.task_weights.size(),
                                             " weights, expected as many and at least one"));
  }
  if (const std::optional<DurableSettings> job = AsJob(options)) return TuneAsJob(options, *job);
  std::unique_ptr<Profiler> profiler;
  if (Profiler::Current() == nullptr) profiler = std::make_unique<Profiler>();
  HONE_ASSIGN_OR_RETURN(TuneOptions resolved, Resolve(options));
  const std::shared_ptr<Database> database = resolved.database;
  std::shared_ptr<TaskScheduler> scheduler;
  if (IsKind(options.task_scheduler)) {
    HONE_ASSIGN_OR_RETURN(scheduler, TaskScheduler::Create(KindOf(options.task_scheduler)));
  } else {
    scheduler = std::get<1>(options.task_scheduler);
  }
  Logger logger;
  if (!options.work_dir.empty()) {
    HONE_ASSIGN_OR_RETURN(logger, SchedulerLogger(options.work_dir));
    scheduler->set_logger(logger);
  }
  const std::shared_ptr<Builder> builder = resolved.builder;
  const std::shared_ptr<Runner> runner = resolved.runner;
  HONE_RETURN_IF_ERROR(scheduler->Tune(std::move(resolved)));
  if (options.post_optimization) {
    HONE_ASSIGN_OR_RETURN(const std::string table, PostOptimize(options.tasks, *database, *builder, *runner));
    if (logger != nullptr) logger(LogLevel::kInfo, StrCat("Post optimization:\n", table));
  }
  if (profiler != nullptr) {
    profiler->Stop();
    if (logger != nullptr) logger(LogLevel::kInfo, StrCat("Time:\n", profiler->Table()));
  }
  return database;
}

absl::StatusOr<std::optional<schedule::Schedule>> CompileTir(Database& database, const ir::IRModule& mod,
                                                             const Target& target) {
  const ir::IRModule module = NormalizeModule(mod);
  HONE_ASSIGN_OR_RETURN(std::optional<schedule::Schedule> out, database.QuerySchedule(module, target, "main"));
  if (out.has_value() || !module || module->functions.size() != 1) return out;
  // TuneTir tunes functions, which get attributes that a module's function may lack.
  const auto* function = ir::As<ir::PrimFuncNode>(module->functions[0].function);
  if (function == nullptr) return out;
  return database.QuerySchedule(ModuleOfFunction(module, function), target, "main");
}

absl::StatusOr<TasksWithWeights> ContextsOfExtractedTasks(const std::vector<ExtractedTask>& tasks,
                                                          const TuneTirOptions& options) {
  TasksWithWeights out;
  const std::vector<int64_t> seeds = ForkSeeds(options.seed, static_cast<int>(tasks.size()));
  for (size_t i = 0; i < tasks.size(); ++i) {
    const ExtractedTask& task = tasks[i];
    if (task.dispatched.empty()) {
      return absl::InvalidArgumentError(StrCat("extracted task ", task.task_name, " has no tensor program"));
    }
    if (task.mod && task.mod->attrs.GetInt("tir.is_scheduled", 0) != 0) continue;
    HONE_ASSIGN_OR_RETURN(std::shared_ptr<TuneContext> context,
                          MakeContext(task.dispatched[0], task.target, task.task_name, seeds[i], nullptr, options));
    out.tasks.push_back(std::move(context));
    out.weights.push_back(task.weight);
  }
  return out;
}

}  // namespace hone::meta_schedule
