#include "client/cpp/round_strategy.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "client/cpp/tune_context.h"
#include "common/intrin/intrin.h"
#include "common/schedule/trace_json.h"
#include "common/support/profiler.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/cost_model/embedding_model.h"
#include "server/cost_model/feature/workload_embedding.h"
#include "server/search/candidate_factory.h"
#include "server/search/strategy.h"

namespace hone::meta_schedule {
namespace {

using IndividualPtr = std::shared_ptr<const Individual>;

constexpr int kEmptyBatchesToStop = 5;  // Over the whole search, as the peer counts them.
constexpr int kMeasuredParents = 512;   // More of the database than any population takes.

class RoundStrategy final : public SearchStrategy {
 public:
  RoundStrategy(std::unique_ptr<Strategy> rounds, std::string kind, std::string params_json)
      : rounds_(std::move(rounds)), kind_(std::move(kind)), params_json_(std::move(params_json)) {}

  absl::Status Initialize(TuneContext& context) override {
    context_ = &context;
    seed_ = static_cast<uint64_t>(context.ForkSeed());
    state_ = nullptr;
    return absl::OkStatus();
  }

  absl::Status PreTuning(PreTuningOptions options) override {
    HONE_RETURN_IF_ERROR(CheckPreTuning(options));
    auto state = std::make_unique<State>();
    state->max_trials = options.max_trials;
    state->per_iter = options.num_trials_per_iter;
    state->end = options.num_trials_per_iter;
    for (const schedule::Schedule& space : options.design_spaces) {
      state->spaces.push_back(space.trace().Simplified(/*remove_postproc=*/true));
    }
    schedule::ScheduleOptions schedule_options;
    schedule_options.seed = context_->ForkSeed();
    schedule_options.intrinsics = FindTensorIntrin;
    HONE_ASSIGN_OR_RETURN(schedule::Schedule start, schedule::Schedule::Create(context_->mod(), schedule_options));
    state->cost_model = options.cost_model;
    ::hone::CostModel* features = state->cost_model != nullptr ? state->cost_model->FeatureModel() : nullptr;
    if (features != nullptr && features->NeedsWorkloadEmbedding()) {
      state->embedding = std::make_unique<EmbeddingModel>(*features, WorkloadEmbedding(context_->mod()));
    }
    state->factory = std::make_unique<CandidateFactory>(
        std::move(start), context_->target(), *context_->space_generator(),
        rounds_->NeedsCostModel() && features != nullptr && features->NeedsFeatures());
    state->database = std::move(options.database);
    if (rounds_->NeedsCostModel()) {
      HONE_ASSIGN_OR_RETURN(state->workload, state->database->CommitWorkload(context_->mod()));
    }
    state_ = std::move(state);
    return absl::OkStatus();
  }

  absl::StatusOr<std::optional<std::vector<MeasureCandidate>>> GenerateMeasureCandidates() override {
    if (state_ == nullptr) return absl::FailedPreconditionError("PreTuning has not been called");
    State& state = *state_;
    if (state.begin >= state.max_trials) return std::nullopt;
    state.end = std::min(state.end, state.max_trials);
    const int wanted = static_cast<int>(std::min<int64_t>(state.per_iter, state.end - state.begin));
    context_->Log(LogLevel::kInfo, "Generating candidates......");
    HONE_ASSIGN_OR_RETURN(RoundOutput found, Propose(wanted));
    if (!found.log.empty()) context_->Log(LogLevel::kInfo, found.log);
    std::vector<MeasureCandidate> out;
    for (const IndividualPtr& pick : found.picks) {
      HONE_ASSIGN_OR_RETURN(MeasureCandidate candidate, CandidateOf(*pick));
      state.proposed.insert(pick->hash);
      out.push_back(std::move(candidate));
    }
    if (out.empty() && ++state.empty_batches >= kEmptyBatchesToStop) return std::nullopt;
    context_->Log(LogLevel::kInfo, StrCat("Sending ", out.size(), " candidates(s) for measurement"));
    return out;
  }

  absl::Status NotifyRunnerResults(absl::Span<const MeasureCandidate> candidates,
                                   absl::Span<const RunnerResult> results) override {
    if (state_ == nullptr) return absl::FailedPreconditionError("PreTuning has not been called");
    if (candidates.size() != results.size()) {
      return absl::InvalidArgumentError(StrCat(candidates.size(), " candidates but ", results.size(), " results"));
    }
    // The evolutionary search counts what it got, the replays what they asked for.
    const int64_t step = rounds_->NeedsCostModel() ? static_cast<int64_t>(results.size()) : state_->per_iter;
    state_->begin += step;
    state_->end += step;
    return absl::OkStatus();
  }

  absl::Status PostTuning() override {
    if (state_ == nullptr) return absl::FailedPreconditionError("PreTuning has not been called");
    state_ = nullptr;
    return absl::OkStatus();
  }

  std::optional<StockStrategy> Stock() const override { return StockStrategy{kind_, params_json_}; }

  std::unique_ptr<SearchStrategy> Clone() const override {
    return std::move(MakeRoundStrategy(kind_, params_json_)).value();  // It was made from them before.
  }

 private:
  struct State {
    int64_t max_trials = 0;
    int per_iter = 0;
    int64_t begin = 0;
    int64_t end = 0;
    int round = 0;
    int empty_batches = 0;
    std::vector<schedule::Trace> spaces;
    std::shared_ptr<CostModel> cost_model;
    std::unique_ptr<EmbeddingModel> embedding;
    std::unique_ptr<CandidateFactory> factory;
    std::shared_ptr<Database> database;
    Workload workload;
    absl::flat_hash_set<uint64_t> proposed;
    absl::flat_hash_map<std::string, IndividualPtr> of_trace;  // Of records that were parents before.
  };

  absl::Status CheckPreTuning(const PreTuningOptions& options) const {
    if (context_ == nullptr) return absl::FailedPreconditionError("the strategy has not been initialised");
    if (state_ != nullptr) return absl::FailedPreconditionError("PreTuning has been called already; PostTuning first");
    if (options.num_trials_per_iter < 1 || options.max_trials < 0) {
      return absl::InvalidArgumentError(StrCat("max_trials ", options.max_trials, " and num_trials_per_iter ",
                                               options.num_trials_per_iter, ", expected at least 0 and 1"));
    }
    if (!context_->mod() || context_->space_generator() == nullptr) {
      return absl::FailedPreconditionError("the context has no module or no space generator");
    }
    if (options.design_spaces.empty()) return absl::InvalidArgumentError("there is no design space");
    if (!rounds_->NeedsCostModel()) return absl::OkStatus();
    if (options.database == nullptr || options.cost_model == nullptr) {
      return absl::InvalidArgumentError(StrCat("strategy ", kind_, " needs a database and a cost model"));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<RoundOutput> Propose(int wanted) {
    State& state = *state_;
    std::vector<MeasuredIndividual> measured;
    if (rounds_->NeedsCostModel()) {
      HONE_ASSIGN_OR_RETURN(measured, MeasuredParents());
    }
    RoundInput input;
    input.factory = state.factory.get();
    input.spaces = &state.spaces;
    input.mutators = &context_->space_generator()->mutators();
    input.seed = seed_;
    input.task = 0;
    input.round = state.round++;
    input.num_candidates = wanted;
    input.num_threads = context_->num_threads();
    input.measured = &measured;
    input.proposed = &state.proposed;
    input.generator = context_->space_generator();
    input.workload = &context_->mod();
    input.cost_model = nullptr;
    absl::Status model_error;
    if (state.embedding != nullptr) {
      input.cost_model = state.embedding.get();
    } else if (state.cost_model != nullptr && state.cost_model->FeatureModel() != nullptr) {
      input.cost_model = state.cost_model->FeatureModel();
    } else if (state.cost_model != nullptr) {
      input.score = [&](absl::Span<const IndividualPtr> population, uint64_t) {
        absl::StatusOr<std::vector<double>> scores = ScoreByCandidates(population);
        if (scores.ok()) return *std::move(scores);
        model_error.Update(scores.status());
        return std::vector<double>(population.size(), 0.0);
      };
    }
    absl::StatusOr<RoundOutput> out = rounds_->Propose(input);
    HONE_RETURN_IF_ERROR(model_error);
    return out;
  }

  // The best of the database as parents. A record whose trace is not of these spaces any more is passed over.
  absl::StatusOr<std::vector<MeasuredIndividual>> MeasuredParents() {
    const Profiler::Scope scope("EvoSearch/PickBestFromDatabase");
    State& state = *state_;
    HONE_ASSIGN_OR_RETURN(const std::vector<TuningRecord> best,
                          state.database->GetTopK(state.workload, kMeasuredParents));
    std::vector<MeasuredIndividual> out;
    double order = 0;
    for (const TuningRecord& record : best) {
      IndividualPtr& individual = state.of_trace[record.trace_json];
      if (individual == nullptr) {
        HONE_ASSIGN_OR_RETURN(const schedule::Trace trace, schedule::TraceFromJson(record.trace_json));
        individual = state.factory->Make(trace, /*seed=*/1, /*resample=*/false);
      }
      // Only their order counts, which is the database's.
      if (individual != nullptr) out.push_back({individual, order++});
    }
    return out;
  }

  absl::StatusOr<std::vector<double>> ScoreByCandidates(absl::Span<const IndividualPtr> population) {
    std::vector<MeasureCandidate> candidates;
    for (const IndividualPtr& one : population) {
      HONE_ASSIGN_OR_RETURN(MeasureCandidate candidate, CandidateOf(*one));
      candidates.push_back(std::move(candidate));
    }
    HONE_ASSIGN_OR_RETURN(std::vector<double> scores, state_->cost_model->Predict(*context_, candidates));
    if (scores.size() != population.size()) {
      return absl::InvalidArgumentError(
          StrCat("the cost model gave ", scores.size(), " scores for ", population.size(), " candidates"));
    }
    return scores;
  }

  absl::StatusOr<MeasureCandidate> CandidateOf(const Individual& individual) const {
    HONE_ASSIGN_OR_RETURN(schedule::Schedule sch, state_->factory->FinalSchedule(individual.trace));
    return MakeMeasureCandidate(std::move(sch));
  }

  const std::unique_ptr<Strategy> rounds_;
  const std::string kind_;
  const std::string params_json_;
  TuneContext* context_ = nullptr;
  uint64_t seed_ = 0;
  std::unique_ptr<State> state_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<SearchStrategy>> MakeRoundStrategy(std::string kind, std::string params_json) {
  HONE_ASSIGN_OR_RETURN(std::unique_ptr<Strategy> rounds, MakeStrategy(kind, params_json));
  return std::unique_ptr<SearchStrategy>(
      std::make_unique<RoundStrategy>(std::move(rounds), std::move(kind), std::move(params_json)));
}

absl::StatusOr<std::unique_ptr<SearchStrategy>> SearchStrategy::Create(std::string_view kind,
                                                                       std::string_view params_json) {
  return MakeRoundStrategy(std::string(kind), std::string(params_json));
}

}  // namespace hone::meta_schedule
