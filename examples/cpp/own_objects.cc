// Tuning in which every part is an object of one's own: a design space with a rule, a postproc and a mutator, a
// strategy, features under a stock cost model, a cost model, a scheduler, a callback, a database, a builder and a
// runner. Each is as small as it can be and does something. The kernels are not compiled: the builder writes the
// scheduled program down, and the runner judges it by its text, so that the example runs anywhere in a moment.
//
//     bazel run //examples/cpp:own_objects
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>

#include "absl/status/status.h"
#include "client/cpp/tune.h"
#include "common/script/parser.h"
#include "common/script/printer.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace {

namespace ms = hone::meta_schedule;
using hone::schedule::LoopRv;
using hone::schedule::Schedule;
using hone::schedule::Value;

constexpr char kMatmul[] = R"(@T.prim_func
def main(A: T.Buffer((64, 64), "float32"), B: T.Buffer((64, 64), "float32"), C: T.Buffer((64, 64), "float32")):
    for i, j, k in T.grid(64, 64, 64):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0.0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
)";

size_t Count(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// ---- The design space: what may be done with a block, which results are refused, and how a point is changed.

// Splits the innermost spatial loop by a sampled factor, vectorizes what is inside, and runs the outermost in parallel.
class SplitAndVectorize final : public ms::ScheduleRule {
 public:
  std::string_view name() const override { return "SplitAndVectorize"; }
  absl::StatusOr<std::vector<Schedule>> Apply(Schedule sch, hone::schedule::BlockRv block) override {
    HONE_ASSIGN_OR_RETURN(const auto loops, sch.GetLoops(block));
    if (loops.size() < 2) return hone::OneSchedule(std::move(sch));
    HONE_ASSIGN_OR_RETURN(const auto factors, sch.SamplePerfectTile(loops[1], 2, /*max_innermost_factor=*/64));
    HONE_ASSIGN_OR_RETURN(const auto halves,
                          sch.Split(loops[1], std::vector<Value>{Value::OfRv(factors[0]), Value::OfRv(factors[1])}));
    HONE_RETURN_IF_ERROR(sch.Reorder(std::vector<LoopRv>{halves[0], loops[2], halves[1]}));
    HONE_RETURN_IF_ERROR(sch.Vectorize(halves[1]));
    HONE_RETURN_IF_ERROR(sch.Parallel(loops[0]));
    return hone::OneSchedule(std::move(sch));
  }
  std::unique_ptr<ScheduleRule> Clone() const override { return std::make_unique<SplitAndVectorize>(); }
};

// Refuses candidates whose text is longer than a page: an instruction cache of our own invention.
class AtMostOnePage final : public ms::Postproc {
 public:
  std::string_view name() const override { return "AtMostOnePage"; }
  absl::StatusOr<bool> Apply(Schedule& sch) const override {
    return hone::script::PrintModule(sch.module()).size() < 4096;
  }
  std::unique_ptr<Postproc> Clone() const override { return std::make_unique<AtMostOnePage>(); }
};

// Makes the vectors of a candidate twice as long, where the loop around them has iterations to give.
class LongerVectors final : public ms::Mutator {
 public:
  std::string_view name() const override { return "LongerVectors"; }
  std::optional<hone::schedule::Trace> Apply(const hone::schedule::Trace& trace, hone::CounterRandom&) const override {
    for (size_t i = 0; i < trace.SizeWithoutPostproc(); ++i) {
      const hone::schedule::Instruction& instruction = trace.instructions()[i];
      if (instruction.row->name != "SamplePerfectTile") continue;
      const auto tiles = instruction.decision.list();
      if (tiles[0].integer() % 2 != 0) continue;
      const std::vector<Value> longer = {Value::Int(tiles[0].integer() / 2), Value::Int(tiles[1].integer() * 2)};
      return trace.WithDecision(i, Value::List(hone::ir::Array<Value>(longer.data(), longer.size())),
                                /*remove_postproc=*/true);
    }
    return std::nullopt;
  }
  std::unique_ptr<Mutator> Clone() const override { return std::make_unique<LongerVectors>(); }
};

// Our rule, postproc and mutator in place of the lists of the target's kind.
class OneRuleSpace final : public ms::SpaceGenerator {
 public:
  OneRuleSpace() {
    ms::Postprocs postprocs;
    postprocs.push_back(std::make_unique<AtMostOnePage>());
    SetPostprocs(std::move(postprocs));
    ms::ScheduleRules rules;
    rules.push_back(std::make_unique<SplitAndVectorize>());
    SetRules(std::move(rules));
    ms::Mutators mutators;
    mutators.push_back({std::make_unique<LongerVectors>(), /*probability=*/1.0});
    SetMutators(std::move(mutators));
  }
  absl::StatusOr<std::vector<Schedule>> Generate(const hone::ir::IRModule& module, int64_t seed) override {
    hone::schedule::ScheduleOptions options;
    options.seed = seed;
    HONE_ASSIGN_OR_RETURN(Schedule sch, Schedule::Create(module, options));
    HONE_ASSIGN_OR_RETURN(const auto block, sch.GetBlock("C"));
    return rules()[0]->Apply(std::move(sch), block);
  }
  std::unique_ptr<SpaceGenerator> Clone() const override { return std::make_unique<OneRuleSpace>(); }
};

// ---- The search.

// Random points of the space until the budget is spent, asked of the stock strategy one at a time.
class OneAtATime final : public ms::SearchStrategy {
 public:
  absl::Status Initialize(ms::TuneContext& context) override {
    HONE_ASSIGN_OR_RETURN(stock_, ms::SearchStrategy::Create("replay-trace"));
    return stock_->Initialize(context);
  }
  absl::Status PreTuning(ms::PreTuningOptions options) override {
    options.num_trials_per_iter = 1;
    return stock_->PreTuning(std::move(options));
  }
  absl::StatusOr<std::optional<std::vector<ms::MeasureCandidate>>> GenerateMeasureCandidates() override {
    return stock_->GenerateMeasureCandidates();
  }
  absl::Status NotifyRunnerResults(absl::Span<const ms::MeasureCandidate> candidates,
                                   absl::Span<const ms::RunnerResult> results) override {
    return stock_->NotifyRunnerResults(candidates, results);
  }
  absl::Status PostTuning() override { return stock_->PostTuning(); }
  std::unique_ptr<SearchStrategy> Clone() const override { return std::make_unique<OneAtATime>(); }

 private:
  std::unique_ptr<ms::SearchStrategy> stock_;
};

// Two numbers a candidate, in place of the stock 164: how much of the program is vectorized, and how long it is.
class TextFeatures final : public ms::FeatureExtractor {
 public:
  absl::StatusOr<std::vector<hone::FeatureMatrix>> ExtractFrom(
      const ms::TuneContext&, absl::Span<const ms::MeasureCandidate> candidates) override {
    std::vector<hone::FeatureMatrix> out;
    for (const ms::MeasureCandidate& candidate : candidates) {
      const std::string text = hone::script::PrintModule(candidate.sch->module());
      out.push_back({1, 2, {static_cast<float>(Count(text, "T.vectorized")), static_cast<float>(text.size())}});
    }
    return out;
  }
};

// Believes what it has measured, and that what it has not is average.
class Memory final : public ms::CostModel {
 public:
  absl::Status Load(const std::string&) override { return absl::OkStatus(); }
  absl::Status Save(const std::string&) override { return absl::OkStatus(); }
  absl::Status Update(const ms::TuneContext&, absl::Span<const ms::MeasureCandidate> candidates,
                      absl::Span<const ms::RunnerResult> results) override {
    for (size_t i = 0; i < candidates.size(); ++i) seconds_[TextOf(candidates[i])] = ms::MedianSeconds(results[i]);
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<double>> Predict(const ms::TuneContext&,
                                              absl::Span<const ms::MeasureCandidate> candidates) override {
    double best = 1e10;
    for (const auto& [text, seconds] : seconds_) best = std::min(best, seconds);
    std::vector<double> scores;
    for (const ms::MeasureCandidate& candidate : candidates) {
      const auto known = seconds_.find(TextOf(candidate));
      scores.push_back(known == seconds_.end() ? 0.5 : best / known->second);
    }
    return scores;
  }
  size_t size() const { return seconds_.size(); }

 private:
  static std::string TextOf(const ms::MeasureCandidate& c) { return hone::script::PrintModule(c.sch->module()); }
  std::map<std::string, double> seconds_;
};

// The task that has had the fewest batches.
class FewestBatchesFirst final : public ms::TaskScheduler {
 public:
  absl::StatusOr<int> NextTaskId() override {
    int next = -1;
    for (int i = 0; i < num_tasks(); ++i) {
      if (!task(i).is_terminated && (next < 0 || task(i).batches < task(next).batches)) next = i;
    }
    if (next >= 0 && task(next).runner_futures.has_value()) HONE_RETURN_IF_ERROR(JoinRunningTask(next).status());
    return next;
  }
};

// Tells of each new best.
class TellBest final : public ms::MeasureCallback {
 public:
  std::string name() const override { return "TellBest"; }
  absl::Status Apply(ms::TaskScheduler& scheduler, int task_id, absl::Span<const ms::MeasureCandidate>,
                     absl::Span<const ms::BuilderResult>, absl::Span<const ms::RunnerResult> results) override {
    for (const ms::RunnerResult& result : results) {
      const double seconds = ms::MedianSeconds(result);
      const auto [best, first] = best_.try_emplace(task_id, seconds);
      if (!first && seconds >= best->second) continue;
      best->second = seconds;
      std::printf("%s: %.3g us\n", scheduler.task(task_id).context->task_name().c_str(), seconds * 1e6);
    }
    return absl::OkStatus();
  }

 private:
  std::map<int, double> best_;  // Seconds, by task.
};

// ---- Where results are kept.

// A list. Queries come with the base class, by GetTopK.
class ListDatabase final : public ms::Database {
 public:
  absl::StatusOr<bool> HasWorkload(const hone::ir::IRModule& mod) override {
    const std::lock_guard lock(mutex_);
    HONE_ASSIGN_OR_RETURN(const ms::Workload workload, ms::MakeWorkload(mod, module_equality()));
    return Find(workload) != nullptr;
  }
  absl::StatusOr<ms::Workload> CommitWorkload(const hone::ir::IRModule& mod) override {
    const std::lock_guard lock(mutex_);
    HONE_ASSIGN_OR_RETURN(ms::Workload workload, ms::MakeWorkload(mod, module_equality()));
    if (const ms::Workload* known = Find(workload)) return *known;
    workloads_.push_back(workload);
    return workload;
  }
  absl::Status CommitTuningRecord(const ms::TuningRecord& record) override {
    const std::lock_guard lock(mutex_);
    if (Find(record.workload) == nullptr) return absl::FailedPreconditionError("commit the workload first");
    records_.push_back(record);
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<ms::TuningRecord>> GetTopK(const ms::Workload& workload, int top_k) override {
    if (top_k < 0) return absl::InvalidArgumentError(hone::StrCat("top_k is ", top_k, ", expected non-negative"));
    const std::lock_guard lock(mutex_);
    std::multimap<double, const ms::TuningRecord*> sorted;
    for (const ms::TuningRecord& record : records_) {
      if (record.IsValid() && record.workload.stored.id == workload.stored.id) sorted.emplace(Mean(record), &record);
    }
    std::vector<ms::TuningRecord> out;
    for (const auto& [mean, record] : sorted) {
      if (static_cast<int>(out.size()) < top_k) out.push_back(*record);
    }
    return out;
  }
  absl::StatusOr<std::vector<ms::TuningRecord>> GetAllTuningRecords() override {
    const std::lock_guard lock(mutex_);
    return records_;
  }
  absl::StatusOr<int64_t> Size() override {
    const std::lock_guard lock(mutex_);
    return static_cast<int64_t>(records_.size());
  }

 private:
  static double Mean(const ms::TuningRecord& record) {
    double sum = 0;
    for (const double seconds : *record.run_secs) sum += seconds;
    return sum / static_cast<double>(record.run_secs->size());
  }
  const ms::Workload* Find(const ms::Workload& workload) const {
    for (const ms::Workload& known : workloads_) {
      if (known.stored.id == workload.stored.id) return &known;
    }
    return nullptr;
  }

  std::mutex mutex_;
  std::vector<ms::Workload> workloads_;
  std::vector<ms::TuningRecord> records_;
};

// ---- Building and running.

// An artifact is the scheduled program's text, in a file of its own folder.
class TextBuilder final : public ms::Builder {
 public:
  std::vector<ms::BuilderResult> Build(absl::Span<const ms::BuilderInput> inputs) override {
    std::vector<ms::BuilderResult> out;
    for (const ms::BuilderInput& input : inputs) {
      std::string folder = (std::filesystem::temp_directory_path() / "hone-text-XXXXXX").string();
      if (mkdtemp(folder.data()) == nullptr) {
        out.push_back({std::nullopt, "there is no room for temporary files"});
        continue;
      }
      const std::string path = folder + "/program.py";
      std::ofstream(path) << hone::script::PrintModule(input.mod);
      out.push_back({path, std::nullopt});
    }
    return out;
  }
};

// A machine that knows two things: a parallel loop is twice, a vectorized one of n iterations n times as fast.
class PaperMachine final : public ms::Runner {
 public:
  std::vector<std::shared_ptr<ms::RunnerFuture>> Run(absl::Span<const ms::RunnerInput> inputs) override {
    std::vector<std::shared_ptr<ms::RunnerFuture>> out;
    for (const ms::RunnerInput& input : inputs) {
      std::ifstream in(input.artifact_path);
      const std::string text{std::istreambuf_iterator<char>(in), {}};
      double seconds = 1e-3;
      if (Count(text, "T.parallel") > 0) seconds /= 2;
      const size_t vector = text.find("T.vectorized(");
      if (vector != std::string::npos) seconds /= std::max(std::atof(text.c_str() + vector + 13), 1.0);
      out.push_back(std::make_shared<ms::RunnerFuture>(ms::RunnerResult{std::vector<double>{seconds}, std::nullopt}));
    }
    return out;
  }
};

absl::StatusOr<std::shared_ptr<ms::TuneContext>> Task(const std::string& name,
                                                      std::unique_ptr<ms::SearchStrategy> strategy) {
  ms::TuneContextOptions options;
  HONE_ASSIGN_OR_RETURN(options.mod, hone::script::ParseModule(kMatmul));
  HONE_ASSIGN_OR_RETURN(options.target, hone::Target::Parse("llvm -mcpu=haswell -num-cores=2"));
  options.space_generator = std::make_unique<OneRuleSpace>();
  options.search_strategy = std::move(strategy);
  options.task_name = name;
  options.rand_state = 1;
  options.num_threads = 2;
  options.logger = [](hone::LogLevel, const std::string&) {};
  return ms::TuneContext::Create(std::move(options));
}

absl::StatusOr<double> BestSeconds(ms::Database& database, const ms::TuneContext& task) {
  HONE_ASSIGN_OR_RETURN(const auto best, database.QueryTuningRecord(task.mod(), task.target(), "main"));
  if (!best.has_value()) return absl::NotFoundError("nothing was measured");
  return (*best->run_secs)[0];
}

// Tunes one task with `model`; the best time.
absl::StatusOr<double> Tune(std::unique_ptr<ms::SearchStrategy> strategy, std::shared_ptr<ms::CostModel> model) {
  ms::TuneTasksOptions options;
  HONE_ASSIGN_OR_RETURN(const std::shared_ptr<ms::TuneContext> task, Task("matmul", std::move(strategy)));
  options.tasks = {task};
  options.task_weights = {1};
  options.max_trials_global = 7;
  options.num_trials_per_iter = 4;
  options.builder = std::shared_ptr<ms::Builder>(std::make_shared<TextBuilder>());
  options.runner = std::shared_ptr<ms::Runner>(std::make_shared<PaperMachine>());
  const std::shared_ptr<ms::Database> database = std::make_shared<ListDatabase>();
  options.database = database;
  options.cost_model = std::move(model);
  options.task_scheduler = std::shared_ptr<ms::TaskScheduler>(std::make_shared<FewestBatchesFirst>());
  HONE_ASSIGN_OR_RETURN(std::vector<std::shared_ptr<ms::MeasureCallback>> callbacks, ms::MeasureCallback::Create());
  callbacks.push_back(std::make_shared<TellBest>());
  options.measure_callbacks = std::move(callbacks);
  HONE_RETURN_IF_ERROR(ms::TuneTasks(std::move(options)).status());
  return BestSeconds(*database, *task);
}

absl::Status Main() {
  // 1e-3 s by two for the parallel loop, by 64 for the longest vector.
  constexpr double kBest = 1e-3 / 2 / 64;
  std::printf("a strategy of one's own, which needs no cost model\n");
  HONE_ASSIGN_OR_RETURN(double best, Tune(std::make_unique<OneAtATime>(), nullptr));
  if (best > 8 * kBest) return absl::InternalError(hone::StrCat("seven points gave ", best, " s"));

  const std::string small =
      R"({"population_size": 16, "init_min_unmeasured": 4, "genetic_num_iters": 2, "max_fail_count": 3})";
  std::printf("the stock strategy with a cost model of one's own\n");
  const auto memory = std::make_shared<Memory>();
  HONE_ASSIGN_OR_RETURN(std::unique_ptr<ms::SearchStrategy> strategy,
                        ms::SearchStrategy::Create("evolutionary", small));
  HONE_ASSIGN_OR_RETURN(best, Tune(std::move(strategy), memory));
  if (best > 1.01 * kBest) return absl::InternalError(hone::StrCat("all seven points gave ", best, " s"));
  if (memory->size() != 7) return absl::InternalError(hone::StrCat("the model remembers ", memory->size(), " of 7"));

  std::printf("the stock strategy with a stock cost model over features of one's own\n");
  HONE_ASSIGN_OR_RETURN(const std::shared_ptr<ms::CostModel> model,
                        ms::CostModel::Create("xgb", std::make_shared<TextFeatures>()));
  HONE_ASSIGN_OR_RETURN(strategy, ms::SearchStrategy::Create("evolutionary", small));
  HONE_ASSIGN_OR_RETURN(best, Tune(std::move(strategy), model));
  if (best > 1.01 * kBest) return absl::InternalError(hone::StrCat("all seven points gave ", best, " s"));
  return absl::OkStatus();
}

}  // namespace

int main() {
  const absl::Status status = Main();
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}
