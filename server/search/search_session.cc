#include <algorithm>
#include <chrono>

#include "absl/container/flat_hash_set.h"
#include "common/intrin/intrin.h"
#include "common/schedule/trace_json.h"
#include "common/script/parser.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/target/target.h"
#include "server/cost_model/embedding_model.h"
#include "server/cost_model/feature/workload_embedding.h"
#include "server/cost_model/prior.h"
#include "server/search/search_service.h"
#include "server/search/strategy.h"
#include "server/space/plugin_loader.h"
#include "server/space/space_factory.h"

namespace hone {
namespace {

using schedule::Schedule;
using schedule::Trace;

class Stopwatch {
 public:
  double Seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

absl::StatusOr<std::string> SkeletonJson(const Trace& trace) {
  return schedule::TraceToJson(schedule::SkeletonOf(trace));
}

// FNV-1a of the workload's text: the group of the cost model.
uint64_t GroupOf(std::string_view text) {
  uint64_t h = 14695981039346656037u;
  for (unsigned char c : text) h = (h ^ c) * 1099511628211u;
  return h;
}

class Session final : public SearchSession {
 public:
  static absl::StatusOr<std::unique_ptr<SearchSession>> Open(const SearchTaskSpec& spec) {
    script::ParseOptions parse;
    parse.file_name = spec.task_name;
    HONE_ASSIGN_OR_RETURN(ir::IRModule workload, script::ParseModule(spec.workload_script, parse));
    HONE_ASSIGN_OR_RETURN(const Target target, Target::Parse(spec.target_json));
    HONE_ASSIGN_OR_RETURN(std::unique_ptr<Strategy> strategy, MakeStrategy(spec.strategy, spec.strategy_params_json));
    auto session = std::unique_ptr<Session>(new Session(spec));
    session->strategy_ = std::move(strategy);
    HONE_ASSIGN_OR_RETURN(session->cost_model_, MakeCostModel(spec.cost_model, spec.seed, PriorFor(target)));
    if (session->strategy_->NeedsCostModel() && session->cost_model_ == nullptr) {
      return absl::InvalidArgumentError(StrCat("strategy ", spec.strategy, " needs a cost model, got none"));
    }
    if (session->cost_model_ != nullptr && session->cost_model_->NeedsWorkloadEmbedding()) {
      session->plain_model_ = std::move(session->cost_model_);
      session->cost_model_ = std::make_unique<EmbeddingModel>(*session->plain_model_, WorkloadEmbedding(workload));
    }
    HONE_RETURN_IF_ERROR(session->MakeSpaces(std::move(workload), target));
    return std::unique_ptr<SearchSession>(std::move(session));
  }

  std::vector<std::pair<Digest, std::string>> Skeletons() const override { return skeletons_; }

  absl::StatusOr<SearchRound> NextRound(int round, absl::Span<const std::vector<SearchResult>> results) override {
    SearchRound out;
    if (round != static_cast<int>(rounds_.size())) {
      return absl::FailedPreconditionError(
          StrCat("round ", round, " of task ", spec_.task_name, " asked for, expected ", rounds_.size()));
    }
    const Stopwatch model_time;
    HONE_RETURN_IF_ERROR(Learn(round, results, out.log));
    out.model_secs = model_time.Seconds();
    const Stopwatch search_time;
    if (round == 0) StrAppend(&out.log, warm_log_);
    int64_t so_far = 0;
    for (const auto& earlier : rounds_) so_far += static_cast<int64_t>(earlier.size());
    RoundInput input;
    input.factory = factory_.get();
    input.spaces = &spaces_;
    input.mutators = &generator_->mutators();
    input.cost_model = cost_model_.get();
    input.seed = spec_.seed;
    input.task = spec_.task_index;
    input.round = round;
    input.num_candidates =
        static_cast<int>(std::min<int64_t>(spec_.trials_per_round, std::max<int64_t>(spec_.max_trials - so_far, 0)));
    input.num_threads = std::max(spec_.num_threads, 1);
    input.measured = &measured_;
    input.proposed = &proposed_;
    input.generator = generator_.get();
    input.workload = &workload_;
    // What was fast before comes first, in at most half of the round: measured here and now it is this job's best.
    std::vector<std::shared_ptr<const Individual>> first;
    if (round == 0)
      first.assign(warm_.begin(), warm_.begin() + std::min<size_t>(warm_.size(), input.num_candidates / 2));
    for (const auto& individual : first) proposed_.insert(individual->hash);
    input.num_candidates -= static_cast<int>(first.size());
    RoundOutput found;
    if (input.num_candidates > 0) {
      HONE_ASSIGN_OR_RETURN(found, strategy_->Propose(input));
    }
    found.picks.insert(found.picks.begin(), first.begin(), first.end());
    found.scores.insert(found.scores.begin(), first.size(), 0.0);
    for (size_t i = 0; i < found.picks.size(); ++i) {
      Trace whole;
      if (!found.whole_traces.empty()) {
        whole = found.whole_traces[i];
      } else {
        HONE_ASSIGN_OR_RETURN(whole, factory_->FinalTrace(found.picks[i]->trace));
      }
      HONE_ASSIGN_OR_RETURN(const Digest skeleton, SkeletonId(whole));
      out.candidates.push_back({skeleton, schedule::DecisionsToJson(whole), found.scores[i]});
      proposed_.insert(found.picks[i]->hash);
    }
    rounds_.push_back(std::move(found.picks));
    scores_.push_back(std::move(found.scores));
    StrAppend(&out.log, found.log);
    out.search_secs = search_time.Seconds();
    return out;
  }

 private:
  explicit Session(const SearchTaskSpec& spec) : spec_(spec) {}

  absl::Status MakeSpaces(ir::IRModule workload, const Target& target) {
    SpaceContext context{target, FindTensorIntrin};
    HONE_ASSIGN_OR_RETURN(const PluginRegistry plugins, LoadPlugins(spec_.plugins));
    HONE_ASSIGN_OR_RETURN(generator_, MakeSpaceGenerator(spec_.space, context, workload, plugins));
    const int64_t seed = static_cast<int64_t>(1 + CounterRandom({spec_.seed, spec_.task_index}).Below(2147483646));
    HONE_ASSIGN_OR_RETURN(const std::vector<Schedule> spaces, generator_->Generate(workload, seed));
    for (const Schedule& space : spaces) {
      Trace trace = space.trace().Simplified(/*remove_postproc=*/true);
      spaces_.push_back(std::move(trace));
    }
    if (spaces_.empty()) {
      return absl::FailedPreconditionError(StrCat("task ", spec_.task_name, " has no design space"));
    }
    const bool features = cost_model_ != nullptr && cost_model_->NeedsFeatures() && strategy_->NeedsCostModel();
    schedule::ScheduleOptions options;
    options.seed = seed;
    options.intrinsics = context.intrinsics;
    HONE_ASSIGN_OR_RETURN(Schedule start, Schedule::Create(workload, options));
    factory_ = std::make_unique<CandidateFactory>(std::move(start), target, *generator_, features);
    workload_ = std::move(workload);
    return WarmUp();
  }

  // Candidates of the records that the task starts from; one that this space or target refuses is passed over, and so
  // is what cannot be read. Those with a time are known as measured and teach the model.
  absl::Status WarmUp() {
    std::vector<FeatureMatrix> features;
    std::vector<double> costs;
    absl::flat_hash_set<uint64_t> hashes;
    for (const WarmStart& warm : spec_.warm_starts) {
      const absl::StatusOr<Trace> whole = schedule::TraceFromJson(warm.trace_json);
      if (!whole.ok()) continue;
      auto individual = factory_->Make(whole->Simplified(/*remove_postproc=*/true), /*seed=*/1, /*resample=*/false);
      if (individual == nullptr || !hashes.insert(individual->hash).second) continue;
      warm_.push_back(individual);
      if (warm.median_secs <= 0) continue;
      features.push_back(individual->features);
      costs.push_back(warm.median_secs);
      measured_.push_back({std::move(individual), warm.median_secs});
    }
    if (spec_.warm_starts.empty()) return absl::OkStatus();
    warm_log_ = StrCat("started from ", warm_.size(), " records, ", warm_.size() - costs.size(),
                       " of near workloads; passed over ", spec_.warm_starts.size() - warm_.size(), "\n");
    if (cost_model_ == nullptr || costs.empty()) return absl::OkStatus();
    return cost_model_->Update(GroupOf(spec_.workload_script), features, costs);
  }

  // Candidates of one space share few skeletons: the postprocs' part differs by what they found to fuse and to
  // vectorise, and a mutation may change an argument.
  absl::StatusOr<Digest> SkeletonId(const Trace& trace) {
    HONE_ASSIGN_OR_RETURN(std::string json, SkeletonJson(trace));
    const Digest id = Sha256(json);
    if (known_skeletons_.insert(id).second) skeletons_.emplace_back(id, std::move(json));
    return id;
  }

  // Takes in the results that `round` may know: those of the rounds before the one that is being measured.
  absl::Status Learn(int round, absl::Span<const std::vector<SearchResult>> results, std::string& log) {
    for (; learned_ + 1 < round; ++learned_) {
      if (learned_ >= static_cast<int>(results.size()) || results[learned_].size() != rounds_[learned_].size()) {
        return absl::InvalidArgumentError(
            StrCat("round ", round, " of task ", spec_.task_name, " needs all results of round ", learned_));
      }
      std::vector<FeatureMatrix> features;
      std::vector<double> costs;
      std::vector<double> predicted;
      for (size_t slot = 0; slot < rounds_[learned_].size(); ++slot) {
        const SearchResult& result = results[learned_][slot];
        const double cost = result.failure.has_value() ? kFailedCost : result.median_secs;
        measured_.push_back({rounds_[learned_][slot], cost});
        // A candidate that was not built tells the model nothing about speed.
        const bool ran = !result.failure.has_value() || result.failure->kind == FailureKind::kRun ||
                         result.failure->kind == FailureKind::kRunTimeout ||
                         result.failure->kind == FailureKind::kCrash;
        if (ran) {
          features.push_back(rounds_[learned_][slot]->features);
          costs.push_back(cost);
          if (slot < scores_[learned_].size()) predicted.push_back(scores_[learned_][slot]);
        }
      }
      if (cost_model_ == nullptr || costs.empty()) continue;
      if (predicted.size() == costs.size() && costs.size() > 1) {
        const RankQuality q = MeasureRanking(predicted, costs);
        StrAppend(&log, "model on round ", learned_, ": rank correlation ", q.spearman, ", top-1 ", q.top_1, ", top-8 ",
                  q.top_8, "\n");
      }
      HONE_RETURN_IF_ERROR(cost_model_->Update(GroupOf(spec_.workload_script), features, costs));
      StrAppend(&log, cost_model_->Describe(), "\n");
    }
    return absl::OkStatus();
  }

  SearchTaskSpec spec_;
  std::unique_ptr<Strategy> strategy_;
  std::unique_ptr<CostModel> plain_model_;  // What cost_model_ wraps, if it wraps one.
  std::unique_ptr<CostModel> cost_model_;
  std::unique_ptr<SpaceGenerator> generator_;
  ir::IRModule workload_;
  std::unique_ptr<CandidateFactory> factory_;
  std::vector<Trace> spaces_;
  std::vector<std::pair<Digest, std::string>> skeletons_;
  absl::flat_hash_set<Digest> known_skeletons_;
  std::vector<std::vector<std::shared_ptr<const Individual>>> rounds_;
  std::vector<std::vector<double>> scores_;
  std::vector<MeasuredIndividual> measured_;
  std::vector<std::shared_ptr<const Individual>> warm_;  // The fastest first, then those of near workloads.
  std::string warm_log_;
  absl::flat_hash_set<uint64_t> proposed_;
  int learned_ = 0;  // Rounds whose results were taken in.
};

}  // namespace

absl::StatusOr<std::unique_ptr<SearchSession>> OpenSearchSession(const SearchTaskSpec& spec) {
  return Session::Open(spec);
}

}  // namespace hone
