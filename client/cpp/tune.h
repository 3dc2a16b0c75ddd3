// The entry points (reference/search.md sections 5 and 6).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cpp/builder.h"
#include "client/cpp/cost_model.h"
#include "client/cpp/database.h"
#include "client/cpp/extracted_task.h"
#include "client/cpp/measure_callback.h"
#include "client/cpp/runner.h"
#include "client/cpp/space.h"
#include "client/cpp/task_scheduler.h"
#include "client/cpp/tune_context.h"

namespace hone::meta_schedule {

// One of the stock kinds by name, or an object of one's own.
template <typename T>
using KindOr = std::variant<std::string, std::shared_ptr<T>>;

// What both entry points take.
struct TuneSettings {
  std::optional<int64_t> max_trials_per_task = {};  // Null: max_trials_global.
  int num_trials_per_iter = 64;
  KindOr<Builder> builder = "local";     // "local", "remote"
  KindOr<Runner> runner = "local";       // "local", "rpc"
  KindOr<Database> database = "json";    // "json" (in work_dir), "memory"
  KindOr<CostModel> cost_model = "xgb";  // "xgb", "mlp", "random", "none"
  std::variant<std::string, std::vector<std::shared_ptr<MeasureCallback>>> measure_callbacks = "default";
  KindOr<TaskScheduler> task_scheduler = "gradient";  // "gradient", "round-robin"
  ir::Equality module_equality = ir::Equality::kStructural;
  bool post_optimization = false;
  // Hone's: the farm of builder "remote" and runner "rpc". Where everything is given by its kind, and the tasks have
  // stock spaces and one stock strategy, the tuning is submitted as one durable job of that server, and its records are
  // copied into `database` at the end. Otherwise the search stays here and the farm measures.
  std::shared_ptr<Connection> server = nullptr;
  std::function<bool()> stop = nullptr;  // See TuneOptions.
};

struct TuneTirOptions : TuneSettings {
  KindOr<const SpaceGenerator> space = "post-order-apply";
  KindOr<const SearchStrategy> strategy = "evolutionary";  // "evolutionary", "replay-func", "replay-trace"
  NumThreads num_tuning_cores = "physical";
  std::optional<uint32_t> seed = {};
  // Space by task name; null skips the task.
  std::map<std::string, std::shared_ptr<const SpaceGenerator>> special_space = {};
};

// Tunes every PrimFunc of `mod` as a task of its own, in the order of their names. `work_dir` gets the database's files
// and logs/. Forks for the local builder and runner: call it before the process has threads. What was measured is in
// the database also when an error is returned.
absl::StatusOr<std::shared_ptr<Database>> TuneTir(const ir::IRModule& mod, const Target& target,
                                                  const std::string& work_dir, int64_t max_trials_global,
                                                  TuneTirOptions options = {});

struct TuneTasksOptions : TuneSettings {
  std::vector<std::shared_ptr<TuneContext>> tasks;
  std::vector<double> task_weights;  // As many as tasks, at least one.
  std::string work_dir;
  int64_t max_trials_global = 0;
};
absl::StatusOr<std::shared_ptr<Database>> TuneTasks(TuneTasksOptions options);

// The best schedule of `mod` in the database, as it is or as TuneTir tunes its function; nullopt when there is none.
absl::StatusOr<std::optional<schedule::Schedule>> CompileTir(Database& database, const ir::IRModule& mod,
                                                             const Target& target);

// Contexts and weights of extracted tasks. Tasks whose module says tir.is_scheduled are passed over.
struct TasksWithWeights {
  std::vector<std::shared_ptr<TuneContext>> tasks;
  std::vector<double> weights;
};
absl::StatusOr<TasksWithWeights> ContextsOfExtractedTasks(const std::vector<ExtractedTask>& tasks,
                                                          const TuneTirOptions& options);

// `n` seeds in [1, 2^30) from one, as the peer draws them: randint of NumPy's RandomState, which is MT19937 with
// rejection under a mask. Null: from the system.
std::vector<int64_t> ForkSeeds(std::optional<uint32_t> seed, int n);

}  // namespace hone::meta_schedule
