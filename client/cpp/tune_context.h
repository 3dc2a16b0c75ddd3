// Everything that belongs to the tuning of one task (reference/search.md section 4).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/search_strategy.h"
#include "client/cpp/space.h"
#include "common/schedule/random_engine.h"
#include "common/support/log.h"
#include "common/target/target.h"

namespace hone::meta_schedule {

// "physical", "logical" or a number. InvalidArgument for less than one or another text.
using NumThreads = std::variant<std::string, int>;
absl::StatusOr<int> ResolveThreads(const NumThreads& threads);

// A lone function becomes {"main": f} with global_symbol "main" (if it has none) and tir.noalias; a module of one
// function that is not called main is renamed so. Other modules stay as they are.
ir::IRModule NormalizeModule(const ir::IRModule& module);
ir::IRModule NormalizeFunction(const ir::ArenaRef& arena, ir::PrimFunc function);

using Logger = std::function<void(LogLevel, const std::string&)>;

struct TuneContextOptions {
  ir::IRModule mod = {};
  std::optional<Target> target = {};
  std::unique_ptr<SpaceGenerator> space_generator = nullptr;
  std::unique_ptr<SearchStrategy> search_strategy = nullptr;
  std::string task_name = "main";
  int64_t rand_state = -1;  // -1 = random.
  NumThreads num_threads = "physical";
  Logger logger = nullptr;  // Null: the process's log.
};

// Not thread-safe. Neither moved nor copied: strategies point to it.
class TuneContext {
 public:
  // Normalises the module and initialises the generator, then the strategy. InvalidArgument for bad options.
  static absl::StatusOr<std::unique_ptr<TuneContext>> Create(TuneContextOptions options);
  TuneContext(const TuneContext&) = delete;
  TuneContext& operator=(const TuneContext&) = delete;

  // The generator's spaces. FailedPrecondition without a module or a generator.
  absl::StatusOr<std::vector<schedule::Schedule>> GenerateDesignSpace();
  // What is not given: the design spaces are generated; for the evolutionary strategy the database is one in memory and
  // the cost model is random. FailedPrecondition without a strategy.
  absl::Status PreTuning(PreTuningOptions options);
  absl::Status PostTuning();
  absl::StatusOr<std::optional<std::vector<MeasureCandidate>>> GenerateMeasureCandidates();
  absl::Status NotifyRunnerResults(absl::Span<const MeasureCandidate> candidates,
                                   absl::Span<const RunnerResult> results);
  // Generator and strategy cloned, the random state forked, initialised again.
  absl::StatusOr<std::unique_ptr<TuneContext>> Clone();
  // Initialises generator and strategy once more, as a task scheduler does.
  absl::Status Initialize();

  const ir::IRModule& mod() const { return mod_; }
  bool has_target() const { return target_.has_value(); }
  const Target& target() const { return *target_; }  // Only when has_target().
  const std::string& task_name() const { return task_name_; }
  int num_threads() const { return num_threads_; }
  SpaceGenerator* space_generator() const { return space_generator_.get(); }
  SearchStrategy* search_strategy() const { return search_strategy_.get(); }
  int64_t ForkSeed() { return random_.Fork(); }
  int64_t rand_state() const { return random_.state(); }
  void set_logger(Logger logger) { logger_ = std::move(logger); }
  void Log(LogLevel level, const std::string& text) const;

 private:
  TuneContext(TuneContextOptions options, int num_threads, int64_t rand_state);

  ir::IRModule mod_;
  std::optional<Target> target_;
  std::unique_ptr<SpaceGenerator> space_generator_;
  std::unique_ptr<SearchStrategy> search_strategy_;
  std::string task_name_;
  int num_threads_;
  schedule::RandomEngine random_;
  Logger logger_;
};

}  // namespace hone::meta_schedule
