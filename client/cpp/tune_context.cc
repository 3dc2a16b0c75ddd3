#include "client/cpp/tune_context.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "common/intrin/intrin.h"
#include "common/support/profiler.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/target/host.h"

namespace hone::meta_schedule {
namespace {

absl::Status Lacks(std::string_view task, std::string_view what) {
  return absl::FailedPreconditionError(StrCat("the context of task ", task, " has no ", what));
}

}  // namespace

absl::StatusOr<int> ResolveThreads(const NumThreads& threads) {
  if (const int* number = std::get_if<int>(&threads)) {
    if (*number >= 1) return *number;
    return absl::InvalidArgumentError(StrCat("num_threads is ", *number, ", expected at least 1"));
  }
  const std::string& name = std::get<std::string>(threads);
  if (name == "physical") return UsablePhysicalCores();
  if (name == "logical") return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  return absl::InvalidArgumentError(
      StrCat("num_threads is \"", name, "\", expected \"physical\", \"logical\" or a number"));
}

ir::IRModule NormalizeFunction(const ir::ArenaRef& arena, ir::PrimFunc function) {
  const ir::ArenaScope scope(arena);
  auto* copy = ir::CopyNode(function);
  if (!copy->attrs.Has("global_symbol")) copy->attrs = copy->attrs.With("global_symbol", ir::String("main"));
  if (!copy->attrs.Has("tir.noalias")) copy->attrs = copy->attrs.With("tir.noalias", ir::BoolImm(true).get());
  return ir::ModuleOf(arena, copy, "main");
}

ir::IRModule NormalizeModule(const ir::IRModule& module) {
  if (!module || module->functions.size() != 1 || module->functions[0].var->name == "main") return module;
  const auto* function = ir::As<ir::PrimFuncNode>(module->functions[0].function);
  if (function == nullptr) return module;
  auto arena = std::make_shared<ir::Arena>();
  arena->KeepAlive(module.arena());
  return NormalizeFunction(arena, function);
}

TuneContext::TuneContext(TuneContextOptions options, int num_threads, int64_t rand_state)
    : mod_(NormalizeModule(options.mod)),
      target_(std::move(options.target)),
      space_generator_(std::move(options.space_generator)),
      search_strategy_(std::move(options.search_strategy)),
      task_name_(std::move(options.task_name)),
      num_threads_(num_threads),
      random_(rand_state),
      logger_(std::move(options.logger)) {}

absl::StatusOr<std::unique_ptr<TuneContext>> TuneContext::Create(TuneContextOptions options) {
  HONE_ASSIGN_OR_RETURN(const int threads, ResolveThreads(options.num_threads));
  HONE_ASSIGN_OR_RETURN(const int64_t state, schedule::RandomEngine::NormalizeSeed(options.rand_state));
  auto context = std::unique_ptr<TuneContext>(new TuneContext(std::move(options), threads, state));
  HONE_RETURN_IF_ERROR(context->Initialize());
  return context;
}

absl::Status TuneContext::Initialize() {
  const Profiler::Scope scope("InitializeTask");
  if (space_generator_ != nullptr) {
    if (!mod_) return Lacks(task_name_, "module, which its space generator needs");
    if (!target_.has_value()) return Lacks(task_name_, "target, which its space generator needs");
    HONE_RETURN_IF_ERROR(space_generator_->Initialize(SpaceContext{*target_, FindTensorIntrin}, mod_));
  }
  if (search_strategy_ != nullptr) HONE_RETURN_IF_ERROR(search_strategy_->Initialize(*this));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<schedule::Schedule>> TuneContext::GenerateDesignSpace() {
  if (!mod_) return Lacks(task_name_, "module");
  if (space_generator_ == nullptr) return Lacks(task_name_, "space generator");
  return space_generator_->Generate(mod_, ForkSeed());
}

absl::Status TuneContext::PreTuning(PreTuningOptions options) {
  if (search_strategy_ == nullptr) return Lacks(task_name_, "search strategy");
  if (options.design_spaces.empty()) {
    HONE_ASSIGN_OR_RETURN(options.design_spaces, GenerateDesignSpace());
  }
  if (options.database == nullptr) {
    HONE_ASSIGN_OR_RETURN(options.database, Database::Create("memory", {}));
  }
  if (options.cost_model == nullptr) {
    HONE_ASSIGN_OR_RETURN(options.cost_model, CostModel::Create("random"));
  }
  return search_strategy_->PreTuning(std::move(options));
}

absl::Status TuneContext::PostTuning() {
  if (search_strategy_ == nullptr) return Lacks(task_name_, "search strategy");
  return search_strategy_->PostTuning();
}

absl::StatusOr<std::optional<std::vector<MeasureCandidate>>> TuneContext::GenerateMeasureCandidates() {
  if (search_strategy_ == nullptr) return Lacks(task_name_, "search strategy");
  return search_strategy_->GenerateMeasureCandidates();
}

absl::Status TuneContext::NotifyRunnerResults(absl::Span<const MeasureCandidate> candidates,
                                              absl::Span<const RunnerResult> results) {
  if (search_strategy_ == nullptr) return Lacks(task_name_, "search strategy");
  return search_strategy_->NotifyRunnerResults(candidates, results);
}

absl::StatusOr<std::unique_ptr<TuneContext>> TuneContext::Clone() {
  TuneContextOptions options;
  options.mod = mod_;
  options.target = target_;
  if (space_generator_ != nullptr) options.space_generator = space_generator_->Clone();
  if (search_strategy_ != nullptr) options.search_strategy = search_strategy_->Clone();
  options.task_name = task_name_;
  options.rand_state = ForkSeed();
  options.num_threads = num_threads_;
  options.logger = logger_;
  return Create(std::move(options));
}

void TuneContext::Log(LogLevel level, const std::string& text) const {
  if (logger_ != nullptr) {
    logger_(level, text);
  } else if (LogEnabled(level)) {
    LogLine(level).With("task", task_name_) << text;
  }
}

}  // namespace hone::meta_schedule
