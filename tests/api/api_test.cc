// One test for each row of the API that needs no kernel to be built (docs/api.md).
#include <algorithm>
#include <filesystem>
#include <set>

#include "client/cpp/database.h"
#include "client/cpp/extracted_task.h"
#include "client/cpp/feature_extractor.h"
#include "client/cpp/measure_callback.h"
#include "client/cpp/task_scheduler.h"
#include "client/cpp/tune.h"
#include "client/cpp/tune_context.h"
#include "common/schedule/trace_json.h"
#include "common/script/printer.h"
#include "common/support/profiler.h"
#include "tests/api/workload.h"

namespace hone::meta_schedule {
namespace {

constexpr char kSmallSearch[] =
    R"({"population_size": 32, "init_min_unmeasured": 8, "genetic_num_iters": 1, "max_fail_count": 3})";

std::string Folder(const std::string& name) {
  const std::string path = std::string(std::getenv("TEST_TMPDIR")) + "/" + name;
  std::filesystem::create_directories(path);
  return path;
}

std::shared_ptr<TuneContext> Context(std::string_view strategy = "replay-trace", std::string_view params = "{}",
                                     int n = 32, std::string name = "main") {
  TuneContextOptions options;
  options.mod = Matmul(n);
  options.target = TestTarget();
  options.space_generator = *CreateSpaceGenerator();
  options.search_strategy = *SearchStrategy::Create(strategy, params);
  options.task_name = std::move(name);
  options.rand_state = 42;
  options.num_threads = 2;
  options.logger = [](LogLevel, const std::string&) {};
  auto context = TuneContext::Create(std::move(options));
  EXPECT_OK(context);
  return *std::move(context);
}

std::string TraceText(const MeasureCandidate& candidate) { return *schedule::TraceToJson(candidate.sch->trace()); }

std::vector<MeasureCandidate> SomeCandidates(TuneContext& context, int n) {
  PreTuningOptions options;
  options.max_trials = n;
  options.num_trials_per_iter = n;
  EXPECT_OK(context.PreTuning(std::move(options)));
  auto candidates = context.GenerateMeasureCandidates();
  EXPECT_OK(candidates);
  EXPECT_OK(context.PostTuning());
  return **candidates;
}

// ---- MeasureCandidate, ArgInfo

TEST(ApiTest, MeasureCandidateAndArgInfo) {
  const ArgInfo info{"float32", {1, 224, 3}};
  EXPECT_EQ(ArgInfoToJson(info), R"(["TENSOR","float32",[1,224,3]])");
  EXPECT_EQ(*ArgInfoFromJson(ArgInfoToJson(info)), info);
  EXPECT_STATUS(ArgInfoFromJson(R"(["SCALAR","float32"])"), absl::StatusCode::kInvalidArgument, "TENSOR");
  auto sch = schedule::Schedule::Create(Matmul());
  ASSERT_OK(sch);
  auto candidate = MakeMeasureCandidate(*std::move(sch));
  ASSERT_OK(candidate);
  ASSERT_EQ(candidate->args_info.size(), 3u);
  EXPECT_EQ(candidate->args_info[2], (TensorInfo{"float32", {32, 32}}));
}

// ---- Builder, Runner

TEST(ApiTest, BuilderKinds) {
  EXPECT_STATUS(Builder::Create("distant"), absl::StatusCode::kInvalidArgument, "local or remote");
  auto remote = Builder::Create("remote");
  ASSERT_OK(remote);
  BuilderInput input{Matmul(), TestTarget()};
  const BuilderResult without = (*remote)->Build({input})[0];
  EXPECT_TRUE(without.error_msg.has_value() && !without.artifact_path.has_value());
  input.workload = Matmul();
  input.trace_json = "[[],[]]";
  const BuilderResult packed = (*remote)->Build({input})[0];
  ASSERT_TRUE(packed.artifact_path.has_value());
  auto stored = LoadArtifact(*packed.artifact_path);
  ASSERT_OK(stored);
  EXPECT_FALSE(stored->kernel.has_value());
  EXPECT_EQ(stored->trace_json, "[[],[]]");
  std::filesystem::remove_all(std::filesystem::path(*packed.artifact_path).parent_path());
}

TEST(ApiTest, RunnerKindsAndFutures) {
  EXPECT_STATUS(Runner::Create("pigeon"), absl::StatusCode::kInvalidArgument, "local or rpc");
  EXPECT_STATUS(Runner::Create("rpc"), absl::StatusCode::kInvalidArgument, "server");
  RunnerFuture future;
  EXPECT_FALSE(future.Done());
  future.Set({std::vector<double>{3, 1, 2}, std::nullopt});
  EXPECT_TRUE(future.Done());
  EXPECT_EQ(MedianSeconds(future.Result()), 2);
  const MeasurementPolicy policy = PolicyOf(EvaluatorConfig{});
  EXPECT_EQ(policy.number, 3);
  EXPECT_EQ(policy.repeat, 1);
  EXPECT_EQ(policy.min_repeat, absl::Milliseconds(100));
}

// ---- CostModel, FeatureExtractor

TEST(ApiTest, CostModelKinds) {
  auto context = Context();
  const std::vector<MeasureCandidate> candidates = SomeCandidates(*context, 4);
  std::vector<RunnerResult> results;
  for (size_t i = 0; i < candidates.size(); ++i) {
    results.push_back({std::vector<double>{1e-3 * static_cast<double>(i + 1)}, std::nullopt});
  }
  for (const char* kind : {"xgb", "mlp", "random"}) {
    auto model = CostModel::Create(kind);
    ASSERT_OK(model);
    ASSERT_OK((*model)->Update(*context, candidates, results));
    auto scores = (*model)->Predict(*context, candidates);
    ASSERT_OK(scores);
    EXPECT_EQ(scores->size(), candidates.size());
    const std::string path = Folder("models") + "/" + kind;
    ASSERT_OK((*model)->Save(path));
    EXPECT_OK((*model)->Load(path));
  }
  EXPECT_EQ(*CostModel::Create("none"), nullptr);
  EXPECT_STATUS(CostModel::Create("oracle"), absl::StatusCode::kInvalidArgument, "mlp");
}

TEST(ApiTest, FeatureExtractor) {
  auto context = Context();
  const std::vector<MeasureCandidate> candidates = SomeCandidates(*context, 3);
  auto plain = FeatureExtractor::Create();
  ASSERT_OK(plain);
  auto features = (*plain)->ExtractFrom(*context, candidates);
  ASSERT_OK(features);
  ASSERT_EQ(features->size(), 3u);
  EXPECT_EQ((*features)[0].columns, 164);
  EXPECT_GE((*features)[0].rows, 1);
  auto wide = FeatureExtractor::Create("per-store-feature", /*extract_workload=*/true);
  ASSERT_OK(wide);
  EXPECT_EQ((*(*wide)->ExtractFrom(*context, candidates))[0].columns, 172);
  EXPECT_STATUS(FeatureExtractor::Create("per-loop"), absl::StatusCode::kInvalidArgument, "per-store-feature");
}

// What the model learns from is as wide as what strategies score: the mlp sees the embedding of the workload, too.
TEST(ApiTest, CostModelsLearnWhatStrategiesAsk) {
  auto context = Context();
  const std::vector<MeasureCandidate> candidates = SomeCandidates(*context, 8);
  std::vector<RunnerResult> results;
  for (size_t i = 0; i < candidates.size(); ++i) {
    results.push_back({std::vector<double>{1e-3 * static_cast<double>(i + 1)}, std::nullopt});
  }
  auto model = *CostModel::Create("mlp");
  ASSERT_TRUE(model->FeatureModel()->NeedsWorkloadEmbedding());
  ASSERT_OK(model->Update(*context, candidates, results));
  auto wide = *FeatureExtractor::Create("per-store-feature", /*extract_workload=*/true);
  const std::vector<double> scores = model->FeatureModel()->Predict(*wide->ExtractFrom(*context, candidates), 1);
  EXPECT_GT(std::set<double>(scores.begin(), scores.end()).size(), 1u);
}

// Features of one's own: how long the trace is, in rows of three.
class TraceLength final : public FeatureExtractor {
 public:
  absl::StatusOr<std::vector<FeatureMatrix>> ExtractFrom(const TuneContext&,
                                                         absl::Span<const MeasureCandidate> candidates) override {
    std::vector<FeatureMatrix> out;
    for (const MeasureCandidate& c : candidates) {
      const auto length = static_cast<float>(c.sch->trace().size());
      out.push_back({1, columns, std::vector<float>(columns, length)});
    }
    asked += static_cast<int>(out.size());
    return out;
  }
  int asked = 0;
  int columns = 3;
};

TEST(ApiTest, ModelsTakeAFeatureExtractorOfOnesOwn) {
  auto context = Context();
  const std::vector<MeasureCandidate> candidates = SomeCandidates(*context, 4);
  const std::vector<RunnerResult> results(4, {std::vector<double>{1e-3}, std::nullopt});
  for (const char* kind : {"xgb", "mlp"}) {
    auto extractor = std::make_shared<TraceLength>();
    auto model = CostModel::Create(kind, extractor);
    ASSERT_OK(model);
    EXPECT_EQ((*model)->FeatureModel(), nullptr);  // Strategies have other features.
    ASSERT_OK((*model)->Update(*context, candidates, results));
    EXPECT_EQ(extractor->asked, 4) << kind;
    EXPECT_EQ((*model)->Predict(*context, candidates)->size(), 4u) << kind;
    EXPECT_EQ(extractor->asked, 8) << kind;
    extractor->columns = 4;
    EXPECT_STATUS((*model)->Predict(*context, candidates), absl::StatusCode::kInvalidArgument, "expected rows of 3");
  }
  EXPECT_EQ(*CostModel::Create("none", std::make_shared<TraceLength>()), nullptr);
}

// ---- Database

TuningRecord RecordOf(const Workload& workload, double secs) {
  TuningRecord record;
  record.trace_json = R"([[["GetBlock",[],["C","main"],["b0"]]],[]])";
  record.workload = workload;
  record.run_secs = std::vector<double>{secs};
  record.target = TestTarget();
  return record;
}

TEST(ApiTest, DatabaseKinds) {
  for (const char* kind : {"json", "memory"}) {
    Database::Options options;
    options.work_dir = Folder("database");
    auto made = Database::Create(kind, options);
    ASSERT_OK(made);
    Database& database = **made;
    EXPECT_FALSE(*database.HasWorkload(Matmul()));
    auto workload = database.CommitWorkload(Matmul());
    ASSERT_OK(workload);
    EXPECT_TRUE(*database.HasWorkload(Matmul()));
    ASSERT_OK(database.CommitTuningRecord(RecordOf(*workload, 2e-3)));
    ASSERT_OK(database.CommitTuningRecord(RecordOf(*workload, 1e-3)));
    ASSERT_OK(database.CommitTuningRecord(RecordOf(*workload, 1e10)));
    EXPECT_EQ(*database.Size(), 3);
    auto top = database.GetTopK(*workload, 5);
    ASSERT_OK(top);
    ASSERT_EQ(top->size(), 2u);
    EXPECT_EQ((*top)[0].run_secs, std::vector<double>{1e-3});
    EXPECT_STATUS(database.GetTopK(*workload, -1), absl::StatusCode::kInvalidArgument, "non-negative");
    EXPECT_EQ(database.GetAllTuningRecords()->size(), 3u);
    auto schedule = database.Query(Matmul(), TestTarget());
    ASSERT_OK(schedule);
    EXPECT_TRUE(std::holds_alternative<schedule::Schedule>(*schedule));
    EXPECT_TRUE(std::holds_alternative<TuningRecord>(*database.Query(Matmul(), TestTarget(), "main", "record")));
    EXPECT_TRUE(std::holds_alternative<ir::IRModule>(*database.Query(Matmul(), TestTarget(), "main", "ir_module")));
    EXPECT_TRUE(std::holds_alternative<std::monostate>(*database.Query(Matmul(16), TestTarget())));
    EXPECT_STATUS(database.Query(Matmul(), TestTarget(), "main", "best"), absl::StatusCode::kInvalidArgument, "record");
    auto pruned = Database::Create("memory");
    ASSERT_OK(database.DumpPruned(**pruned));
    EXPECT_EQ(*(*pruned)->Size(), 1);
  }
  EXPECT_STATUS(Database::Create("card-index"), absl::StatusCode::kInvalidArgument, "json");
}

TEST(ApiTest, DatabaseScopesNest) {
  EXPECT_EQ(Database::Current(), nullptr);
  auto outer = *Database::Create("memory");
  auto inner = *Database::Create("memory");
  const Database::Scope scope(*outer);
  {
    const Database::Scope nested(*inner);
    EXPECT_EQ(Database::Current(), inner.get());
  }
  EXPECT_EQ(Database::Current(), outer.get());
}

TEST(ApiTest, UnionOrderedUnionAndScheduleFn) {
  auto slow = *Database::Create("memory");
  auto fast = *Database::Create("memory");
  ASSERT_OK(slow->CommitTuningRecord(RecordOf(*slow->CommitWorkload(Matmul()), 2e-3)));
  ASSERT_OK(fast->CommitTuningRecord(RecordOf(*fast->CommitWorkload(Matmul()), 1e-3)));
  auto best = Database::Union({slow, fast})->QueryTuningRecord(Matmul(), TestTarget(), "main");
  ASSERT_OK(best);
  EXPECT_EQ((*best)->run_secs, std::vector<double>{1e-3});
  auto first = Database::OrderedUnion({slow, fast})->QueryTuningRecord(Matmul(), TestTarget(), "main");
  ASSERT_OK(first);
  EXPECT_EQ((*first)->run_secs, std::vector<double>{2e-3});
  EXPECT_STATUS(Database::Union({slow})->GetTopK({}, 1), absl::StatusCode::kUnimplemented, "only answers queries");
  auto parallel = Database::ScheduleFn([](schedule::Schedule& sch) {
    auto block = sch.GetBlock("C");
    if (!block.ok()) return false;
    return sch.Parallel((*sch.GetLoops(*block))[0]).ok();
  });
  auto module = parallel->QueryIrModule(Matmul(), TestTarget(), "main");
  ASSERT_OK(module);
  ASSERT_TRUE(module->has_value());
  EXPECT_NE(script::PrintModule(**module).find("T.parallel"), std::string::npos);
  auto declines = Database::ScheduleFn([](schedule::Schedule&) { return false; });
  EXPECT_FALSE(declines->QuerySchedule(Matmul(), TestTarget(), "main")->has_value());
}

TEST(ApiTest, TuningRecordJson) {
  auto workload = MakeWorkload(Matmul());
  ASSERT_OK(workload);
  const TuningRecord record = RecordOf(*workload, 0.25);
  EXPECT_TRUE(record.IsValid());
  const std::string json = record.AsJson();
  auto back = TuningRecord::FromJson(json, *workload);
  ASSERT_OK(back);
  EXPECT_EQ(back->AsJson(), json);
  EXPECT_EQ(back->run_secs, record.run_secs);
  auto candidate = back->AsMeasureCandidate();
  ASSERT_OK(candidate);
  EXPECT_EQ(candidate->args_info.size(), 3u);
  TuningRecord failed = record;
  failed.run_secs = std::vector<double>{1e10};
  EXPECT_FALSE(failed.IsValid());
}

// ---- ExtractedTask

TEST(ApiTest, ExtractedTasksMergeByTheirPrograms) {
  auto task = [](std::string name, int n) { return ExtractedTask{std::move(name), {}, TestTarget(), {Matmul(n)}, 1}; };
  const std::vector<ExtractedTask> merged = MergeTasks({task("a", 16), task("b", 32), task("c", 16)});
  ASSERT_EQ(merged.size(), 2u);
  EXPECT_EQ(merged[0].task_name, "a");
  EXPECT_EQ(merged[0].weight, 2);
  TuneTirOptions options;
  options.num_tuning_cores = 1;
  auto contexts = ContextsOfExtractedTasks(merged, options);
  ASSERT_OK(contexts);
  EXPECT_EQ(contexts->weights, (std::vector<double>{2, 1}));
}

// ---- Mutator, Postproc, ScheduleRule, SpaceGenerator

TEST(ApiTest, ScheduleRulesPostprocsAndMutatorsHaveKinds) {
  for (const char* kind : {"llvm", "vnni", "avx512", "cuda", "cuda-tensorcore", "hexagon"}) {
    EXPECT_FALSE(CreateScheduleRules(kind)->empty()) << kind;
    EXPECT_FALSE(CreatePostprocs(kind)->empty()) << kind;
    auto mutators = CreateMutators(kind);
    ASSERT_OK(mutators);
    double total = 0;
    for (const auto& m : *mutators) total += m.probability;
    EXPECT_NEAR(total, 1.0, 1e-6) << kind;
  }
  EXPECT_STATUS(CreateScheduleRules("abacus"), absl::StatusCode::kInvalidArgument, "llvm");
}

// A rule of one's own: parallelises the outermost loop of every block.
class ParallelRule final : public ScheduleRule {
 public:
  std::string_view name() const override { return "ParallelRule"; }
  absl::StatusOr<std::vector<schedule::Schedule>> Apply(schedule::Schedule sch, schedule::BlockRv block) override {
    auto loops = sch.GetLoops(block);
    if (loops.ok() && !loops->empty()) (void)sch.Parallel((*loops)[0]);
    return OneSchedule(std::move(sch));
  }
  std::unique_ptr<ScheduleRule> Clone() const override { return std::make_unique<ParallelRule>(); }
};

// A postproc of one's own: refuses programs without a parallel loop.
class NeedsParallel final : public Postproc {
 public:
  std::string_view name() const override { return "NeedsParallel"; }
  absl::StatusOr<bool> Apply(schedule::Schedule& sch) const override {
    return script::PrintModule(sch.module()).find("T.parallel") != std::string::npos;
  }
  std::unique_ptr<Postproc> Clone() const override { return std::make_unique<NeedsParallel>(); }
};

// A mutator of one's own: changes nothing, and counts.
class CountingMutator final : public Mutator {
 public:
  explicit CountingMutator(std::shared_ptr<std::atomic<int>> calls) : calls_(std::move(calls)) {}
  std::string_view name() const override { return "CountingMutator"; }
  std::optional<schedule::Trace> Apply(const schedule::Trace& trace, CounterRandom&) const override {
    ++*calls_;
    return trace;
  }
  std::unique_ptr<Mutator> Clone() const override { return std::make_unique<CountingMutator>(calls_); }

 private:
  std::shared_ptr<std::atomic<int>> calls_;
};

TEST(ApiTest, OwnRulePostprocAndMutator) {
  auto generator = std::make_unique<PostOrderApply>();
  ScheduleRules rules;
  rules.push_back(std::make_unique<ParallelRule>());
  generator->SetRules(std::move(rules));
  Postprocs postprocs;
  postprocs.push_back(std::make_unique<NeedsParallel>());
  generator->SetPostprocs(std::move(postprocs));
  auto calls = std::make_shared<std::atomic<int>>(0);
  Mutators mutators;
  mutators.push_back({std::make_unique<CountingMutator>(calls), 1.0});
  generator->SetMutators(std::move(mutators));
  TuneContextOptions options;
  options.mod = Matmul();
  options.target = TestTarget();
  options.space_generator = std::move(generator);
  options.search_strategy = *SearchStrategy::Create("evolutionary", kSmallSearch);
  options.rand_state = 1;
  options.logger = [](LogLevel, const std::string&) {};
  auto context = TuneContext::Create(std::move(options));
  ASSERT_OK(context);
  const std::vector<MeasureCandidate> candidates = SomeCandidates(**context, 8);
  ASSERT_EQ(candidates.size(), 1u);  // The space has one point.
  EXPECT_NE(script::PrintModule(candidates[0].sch->module()).find("T.parallel"), std::string::npos);
  EXPECT_GT(*calls, 0);
}

TEST(ApiTest, TheSpaceHoneHasRulesThatThePeersLacks) {
  auto rules_of = [](const char* kind) {
    auto generator = *CreateSpaceGenerator(kind);
    EXPECT_OK(generator->Initialize(SpaceContext{TestTarget(), nullptr}, Matmul()));
    std::set<std::string> out;
    for (const auto& rule : generator->rules()) out.insert(std::string(rule->name()));
    return out;
  };
  const std::set<std::string> stock = rules_of("post-order-apply"), hone = rules_of("hone");
  EXPECT_FALSE(stock.contains("AddNestedRFactor"));
  EXPECT_TRUE(hone.contains("AddNestedRFactor"));
  EXPECT_TRUE(std::includes(hone.begin(), hone.end(), stock.begin(), stock.end()));
}

TEST(ApiTest, SpaceGeneratorKinds) {
  EXPECT_STATUS(CreateSpaceGenerator("vacuum"), absl::StatusCode::kInvalidArgument, "post-order-apply");
  EXPECT_STATUS(CreateSpaceGenerator("union"), absl::StatusCode::kInvalidArgument, "generators");
  auto spaces_of = [](std::unique_ptr<SpaceGenerator> generator) {
    TuneContextOptions options;
    options.mod = Matmul();
    options.target = TestTarget();
    options.space_generator = std::move(generator);
    options.rand_state = 3;
    auto context = TuneContext::Create(std::move(options));
    EXPECT_OK(context);
    auto spaces = (*context)->GenerateDesignSpace();
    EXPECT_OK(spaces);
    return spaces->size();
  };
  const size_t stock = spaces_of(*CreateSpaceGenerator());
  EXPECT_EQ(spaces_of(*CreateSpaceGenerator("hone")), stock);  // A matmul that needs no partial sums.
  EXPECT_EQ(spaces_of(*CreateSpaceGenerator("union(post-order-apply, post-order-apply(llvm))")), 2 * stock);
  auto own = *CreateSpaceGenerator("hone");
  own->SetRules({});
  EXPECT_EQ(spaces_of(own->Clone()), 1u);  // Lists of one's own take the place of the name's.
  EXPECT_GE(stock, 1u);
  EXPECT_EQ(spaces_of(CreateSpaceGenerator(
                [](schedule::Schedule& sch) -> absl::Status { return sch.GetBlock("C").status(); })),
            1u);
  EXPECT_EQ(
      spaces_of(CreateSpaceGenerator([](schedule::Schedule sch) -> absl::StatusOr<std::vector<schedule::Schedule>> {
        std::vector<schedule::Schedule> out;
        out.push_back(sch.Copy());
        out.push_back(std::move(sch));
        return out;
      })),
      2u);
  std::vector<std::unique_ptr<SpaceGenerator>> parts;
  parts.push_back(*CreateSpaceGenerator());
  parts.push_back(*CreateSpaceGenerator());
  EXPECT_EQ(spaces_of(*CreateSpaceGenerator("union", std::move(parts))), 2 * stock);
}

// ---- SearchStrategy

TEST(ApiTest, SearchStrategyKindsKeepTheirLifeCycle) {
  EXPECT_STATUS(SearchStrategy::Create("dowsing"), absl::StatusCode::kInvalidArgument, "evolutionary");
  for (const auto& [kind, params] : {std::pair<const char*, const char*>{"evolutionary", kSmallSearch},
                                     {"replay-trace", "{}"},
                                     {"replay-func", "{}"}}) {
    auto context = Context(kind, params);
    EXPECT_STATUS(context->GenerateMeasureCandidates(), absl::StatusCode::kFailedPrecondition, "PreTuning");
    PreTuningOptions options;
    options.max_trials = 12;
    options.num_trials_per_iter = 8;
    ASSERT_OK(context->PreTuning(std::move(options)));
    EXPECT_STATUS(context->PreTuning({}), absl::StatusCode::kFailedPrecondition, "already");
    std::set<std::string> seen;
    int batches = 0;
    while (true) {
      auto candidates = context->GenerateMeasureCandidates();
      ASSERT_OK(candidates);
      if (!candidates->has_value()) break;
      std::vector<RunnerResult> results;
      for (const MeasureCandidate& c : **candidates) {
        const bool fresh = seen.insert(TraceText(c)).second;
        EXPECT_TRUE(fresh || std::string_view(kind) == "replay-trace") << kind;
        results.push_back({std::vector<double>{1e-3}, std::nullopt});
      }
      ASSERT_OK(context->NotifyRunnerResults(**candidates, results));
      ASSERT_LT(++batches, 20) << kind;
    }
    EXPECT_GE(batches, 2) << kind;
    ASSERT_OK(context->PostTuning());
    EXPECT_STATUS(context->PostTuning(), absl::StatusCode::kFailedPrecondition, "PreTuning");
  }
}

// ---- TuneContext

TEST(ApiTest, TuneContextDefaultsAndClone) {
  auto context = TuneContext::Create({});
  ASSERT_OK(context);
  EXPECT_EQ((*context)->task_name(), "main");
  EXPECT_GE((*context)->num_threads(), 1);
  EXPECT_STATUS((*context)->GenerateDesignSpace(), absl::StatusCode::kFailedPrecondition, "module");
  TuneContextOptions bad;
  bad.num_threads = "all";
  EXPECT_STATUS(TuneContext::Create(std::move(bad)), absl::StatusCode::kInvalidArgument, "physical");
  auto whole = Context();
  auto clone = whole->Clone();
  ASSERT_OK(clone);
  EXPECT_NE((*clone)->rand_state(), whole->rand_state());
  EXPECT_EQ((*clone)->GenerateDesignSpace()->size(), whole->GenerateDesignSpace()->size());
  auto named = script::ParseModule(
      "@I.ir_module\nclass Module:\n    @T.prim_func\n    def f(A: T.Buffer((4,), \"float32\")):\n        A[0] = "
      "T.float32(1)\n");
  ASSERT_OK(named);
  EXPECT_NE(NormalizeModule(*named).FindPrimFunc("main"), nullptr);
}

TEST(ApiTest, SameSeedSameCandidatesOnAnyNumberOfThreads) {
  auto traces = [](int threads) {
    TuneContextOptions options;
    options.mod = Matmul();
    options.target = TestTarget();
    options.space_generator = *CreateSpaceGenerator();
    options.search_strategy = *SearchStrategy::Create("evolutionary", kSmallSearch);
    options.rand_state = 9;
    options.num_threads = threads;
    options.logger = [](LogLevel, const std::string&) {};
    auto context = *TuneContext::Create(std::move(options));
    std::vector<std::string> out;
    for (const MeasureCandidate& c : SomeCandidates(*context, 8)) out.push_back(TraceText(c));
    return out;
  };
  const std::vector<std::string> one = traces(1);
  EXPECT_FALSE(one.empty());
  EXPECT_EQ(traces(8), one);
}

// ---- TaskScheduler, MeasureCallback, Profiler

TuneOptions OptionsFor(std::vector<std::shared_ptr<TuneContext>> tasks, int trials) {
  TuneOptions options;
  options.task_weights.assign(tasks.size(), 1.0);
  options.tasks = std::move(tasks);
  options.max_trials_global = trials;
  options.max_trials_per_task = trials;
  options.num_trials_per_iter = 4;
  options.builder = std::make_shared<FakeBuilder>();
  options.runner = std::make_shared<FakeRunner>();
  options.measure_callbacks = *MeasureCallback::Create();
  options.database = *Database::Create("memory");
  options.cost_model = *CostModel::Create("random");
  return options;
}

TEST(ApiTest, TaskSchedulerKindsTuneAllTasks) {
  EXPECT_STATUS(TaskScheduler::Create("lottery"), absl::StatusCode::kInvalidArgument, "gradient");
  for (const char* kind : {"gradient", "round-robin"}) {
    auto scheduler = *TaskScheduler::Create(kind, 5);
    scheduler->set_logger([](LogLevel, const std::string&) {});
    auto options =
        OptionsFor({Context("replay-trace", "{}", 16, "small"), Context("replay-trace", "{}", 32, "large")}, 24);
    auto database = options.database;
    ASSERT_OK(scheduler->Tune(std::move(options)));
    EXPECT_EQ(*database->Size(), 24) << kind;
    EXPECT_GE(scheduler->task(0).latency_ms.size(), 4u) << kind;
    EXPECT_GE(scheduler->task(1).latency_ms.size(), 4u) << kind;
    EXPECT_TRUE(scheduler->task(0).is_terminated);
    EXPECT_STATUS(scheduler->TerminateTask(0), absl::StatusCode::kFailedPrecondition, "terminated");
    EXPECT_STATUS(scheduler->JoinRunningTask(0), absl::StatusCode::kFailedPrecondition, "no batch");
    const std::string table = scheduler->TuningStatistics();
    EXPECT_NE(table.find("Weighted Latency (us)"), std::string::npos);
    EXPECT_NE(table.find("Total trials: 24"), std::string::npos) << table;
  }
}

TEST(ApiTest, RoundRobinTakesTurns) {
  auto scheduler = *TaskScheduler::Create("round-robin");
  scheduler->set_logger([](LogLevel, const std::string&) {});
  std::vector<int> order;
  auto options = OptionsFor({Context(), Context("replay-trace", "{}", 16)}, 16);
  options.measure_callbacks.push_back(
      MeasureCallback::Of("Order", [&](TaskScheduler&, int id, absl::Span<const MeasureCandidate>,
                                       absl::Span<const BuilderResult>, absl::Span<const RunnerResult>) {
        order.push_back(id);
        return absl::OkStatus();
      }));
  ASSERT_OK(scheduler->Tune(std::move(options)));
  EXPECT_EQ(order, (std::vector<int>{0, 1, 0, 1}));
}

TEST(ApiTest, MeasureCallbacksRecordCleanUpAndTeach) {
  EXPECT_STATUS(MeasureCallback::Create("shout"), absl::StatusCode::kInvalidArgument, "default");
  EXPECT_EQ(MeasureCallback::Create("update-cost-model")->size(), 1u);
  auto options = OptionsFor({Context()}, 8);
  auto builder = std::make_shared<FakeBuilder>();
  builder->fail_every = 4;
  options.builder = builder;
  auto database = options.database;
  auto scheduler = *TaskScheduler::Create("round-robin");
  scheduler->set_logger([](LogLevel, const std::string&) {});
  ASSERT_OK(scheduler->Tune(std::move(options)));
  EXPECT_EQ(*database->Size(), 8);  // Failures, too.
  EXPECT_EQ(scheduler->task(0).build_error_count, 2);
  const Workload workload = *database->CommitWorkload(Matmul());
  EXPECT_EQ(database->GetTopK(workload, 100)->size(), 6u);
  for (const std::string& path : builder->paths) EXPECT_FALSE(std::filesystem::exists(path));
}

// A scheduler of one's own: the last task that is left.
class LastFirst final : public TaskScheduler {
 public:
  absl::StatusOr<int> NextTaskId() override {
    for (int i = num_tasks() - 1; i >= 0; --i) {
      if (task(i).is_terminated) continue;
      if (task(i).runner_futures.has_value()) HONE_RETURN_IF_ERROR(JoinRunningTask(i).status());
      return i;
    }
    return -1;
  }
};

// A cost model and a strategy of one's own.
class ShortTraceModel final : public CostModel {
 public:
  absl::Status Load(const std::string&) override { return absl::OkStatus(); }
  absl::Status Save(const std::string&) override { return absl::OkStatus(); }
  absl::Status Update(const TuneContext&, absl::Span<const MeasureCandidate> candidates,
                      absl::Span<const RunnerResult>) override {
    seen += static_cast<int>(candidates.size());
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<double>> Predict(const TuneContext&,
                                              absl::Span<const MeasureCandidate> candidates) override {
    std::vector<double> out;
    for (const MeasureCandidate& c : candidates) out.push_back(1.0 / static_cast<double>(c.sch->trace().size()));
    asked += static_cast<int>(candidates.size());
    return out;
  }
  int seen = 0;
  int asked = 0;
};

TEST(ApiTest, OwnSchedulerAndCostModel) {
  auto options = OptionsFor({Context("evolutionary", kSmallSearch), Context("evolutionary", kSmallSearch, 16)}, 8);
  auto model = std::make_shared<ShortTraceModel>();
  options.cost_model = model;
  LastFirst scheduler;
  scheduler.set_logger([](LogLevel, const std::string&) {});
  ASSERT_OK(scheduler.Tune(std::move(options)));
  EXPECT_TRUE(scheduler.task(0).latency_ms.empty());
  EXPECT_GE(scheduler.task(1).latency_ms.size(), 4u);
  EXPECT_EQ(model->seen, static_cast<int>(scheduler.task(1).latency_ms.size()));
  EXPECT_GT(model->asked, 0);
}

TEST(ApiTest, TuningWithAFeatureExtractorOfOnesOwn) {
  auto options = OptionsFor({Context("evolutionary", kSmallSearch)}, 8);
  auto extractor = std::make_shared<TraceLength>();
  options.cost_model = *CostModel::Create("xgb", extractor);
  auto scheduler = *TaskScheduler::Create("round-robin");
  scheduler->set_logger([](LogLevel, const std::string&) {});
  ASSERT_OK(scheduler->Tune(std::move(options)));
  EXPECT_EQ(scheduler->task(0).latency_ms.size(), 8u);
  EXPECT_GT(extractor->asked, 8);  // What was measured, and the populations it was chosen from.
}

// A strategy of one's own: the unscheduled program, once.
class OnlyTheProgram final : public SearchStrategy {
 public:
  absl::Status Initialize(TuneContext& context) override {
    context_ = &context;
    return absl::OkStatus();
  }
  absl::Status PreTuning(PreTuningOptions) override { return absl::OkStatus(); }
  absl::StatusOr<std::optional<std::vector<MeasureCandidate>>> GenerateMeasureCandidates() override {
    if (done_) return std::nullopt;
    done_ = true;
    HONE_ASSIGN_OR_RETURN(schedule::Schedule sch, schedule::Schedule::Create(context_->mod()));
    HONE_ASSIGN_OR_RETURN(MeasureCandidate candidate, MakeMeasureCandidate(std::move(sch)));
    return std::vector<MeasureCandidate>{candidate};
  }
  absl::Status NotifyRunnerResults(absl::Span<const MeasureCandidate>, absl::Span<const RunnerResult>) override {
    return absl::OkStatus();
  }
  absl::Status PostTuning() override { return absl::OkStatus(); }
  std::unique_ptr<SearchStrategy> Clone() const override { return std::make_unique<OnlyTheProgram>(); }

 private:
  TuneContext* context_ = nullptr;
  bool done_ = false;
};

TEST(ApiTest, TuneTasksWithObjectsOfOnesOwn) {
  TuneContextOptions context;
  context.mod = Matmul();
  context.target = TestTarget();
  context.space_generator = *CreateSpaceGenerator();
  context.search_strategy = std::make_unique<OnlyTheProgram>();
  TuneTasksOptions options;
  options.tasks = {*TuneContext::Create(std::move(context))};
  options.task_weights = {1.0};
  options.work_dir = Folder("own_objects");
  options.max_trials_global = 10;
  options.builder = std::shared_ptr<Builder>(std::make_shared<FakeBuilder>());
  options.runner = std::shared_ptr<Runner>(std::make_shared<FakeRunner>());
  options.database = "memory";
  options.cost_model = "none";
  auto database = TuneTasks(std::move(options));
  ASSERT_OK(database);
  EXPECT_EQ(*(*database)->Size(), 1);
}

TEST(ApiTest, TuneTirWritesItsWorkDir) {
  const std::string folder = Folder("tune_tir");
  TuneTirOptions options;
  options.num_trials_per_iter = 4;
  options.builder = std::shared_ptr<Builder>(std::make_shared<FakeBuilder>());
  options.runner = std::shared_ptr<Runner>(std::make_shared<FakeRunner>());
  options.strategy = "replay-trace";
  options.cost_model = "random";
  options.seed = 3;
  options.post_optimization = true;
  auto database = TuneTir(Matmul(), TestTarget(), folder, 8, options);
  ASSERT_OK(database);
  EXPECT_GE(*(*database)->Size(), 8);
  EXPECT_TRUE(CompileTir(**database, Matmul(), TestTarget())->has_value());
  EXPECT_TRUE(std::filesystem::exists(folder + "/database_workload.json"));
  EXPECT_TRUE(std::filesystem::exists(folder + "/database_tuning_record.json"));
  EXPECT_TRUE(std::filesystem::exists(folder + "/logs/tvm.meta_schedule.logging.task_scheduler.log"));
  EXPECT_TRUE(std::filesystem::exists(folder + "/logs/tvm.meta_schedule.logging.task_0_main.log"));
  EXPECT_STATUS(TuneTasks({}), absl::StatusCode::kInvalidArgument, "weights");
  options.special_space["main"] = nullptr;
  EXPECT_STATUS(TuneTir(Matmul(), TestTarget(), folder, 8, options), absl::StatusCode::kInvalidArgument, "no task");
}

// MT19937 seeded with 0 begins 2357136044, 2546248239, 3071714933; NumPy masks to 30 bits and adds the low end.
TEST(ApiTest, SeedsForkAsNumpyDoes) {
  EXPECT_EQ(ForkSeeds(0, 3), (std::vector<int64_t>{209652397, 398764592, 924231286}));
}

TEST(ApiTest, ProfilerSeesTheTuneLoop) {
  Profiler profiler;
  auto scheduler = *TaskScheduler::Create("round-robin");
  scheduler->set_logger([](LogLevel, const std::string&) {});
  ASSERT_OK(scheduler->Tune(OptionsFor({Context()}, 4)));
  profiler.Stop();
  for (const char* name : {"Total", "SendToBuilder", "SendToRunner", "JoinRunnerFutures", "InitializeTask",
                           "MeasureCallback/AddToDatabase", "MeasureCallback/UpdateCostModel"}) {
    EXPECT_EQ(profiler.Get().count(name), 1u) << name;
  }
}

}  // namespace
}  // namespace hone::meta_schedule
