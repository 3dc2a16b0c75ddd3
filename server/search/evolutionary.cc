#include "server/search/evolutionary.h"

#include <algorithm>
#include <cmath>

#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/search/evolution.h"
#include "server/search/parallel_for.h"

namespace hone {
namespace {

using IndividualPtr = std::shared_ptr<const Individual>;

// Keys of the random streams beyond (seed, task, round).
enum Stream : uint64_t { kFresh = 1, kEvolve = 2, kPick = 3, kScore = 4 };

int64_t ScheduleSeed(CounterRandom& random) { return static_cast<int64_t>(1 + random.Below(2147483646)); }

std::vector<double> Score(const RoundInput& input, const std::vector<IndividualPtr>& population, int generation) {
  const uint64_t draw = CounterRandom({input.seed, input.task, static_cast<uint64_t>(input.round), kScore,
                                       static_cast<uint64_t>(generation)})
                            .Next();
  std::vector<double> scores;
  if (input.score != nullptr) {
    scores = input.score(population, draw);
  } else {
    std::vector<FeatureMatrix> features;
    features.reserve(population.size());
    for (const IndividualPtr& one : population) features.push_back(one->features);
    scores = input.cost_model->Predict(features, draw);
  }
  for (double& s : scores) s = std::max(s, 0.0);
  return scores;
}

}  // namespace

EvolutionaryStrategy::Population EvolutionaryStrategy::PickMeasured(const RoundInput& input) const {
  std::vector<MeasuredIndividual> best = *input.measured;
  std::stable_sort(best.begin(), best.end(),
                   [](const MeasuredIndividual& a, const MeasuredIndividual& b) { return a.cost < b.cost; });
  const size_t wanted = static_cast<size_t>(params_.population_size * params_.init_measured_ratio);
  Population out;
  for (const MeasuredIndividual& m : best) {
    if (out.size() >= wanted || m.cost >= kFailedCost) break;
    out.push_back(m.individual);
  }
  return out;
}

EvolutionaryStrategy::Population EvolutionaryStrategy::SampleFresh(const RoundInput& input, int count,
                                                                   std::string& log) const {
  Population out;
  int fruitless = 0;
  int tried = 0;
  for (uint64_t pass = 0;
       static_cast<int>(out.size()) < params_.init_min_unmeasured && fruitless < params_.max_fail_count; ++pass) {
    std::vector<IndividualPtr> found(count);
    ParallelFor(count, input.num_threads, [&](int slot) {
      CounterRandom random(
          {input.seed, input.task, static_cast<uint64_t>(input.round), kFresh, pass, static_cast<uint64_t>(slot)});
      const size_t space = random.Below(input.spaces->size());
      found[slot] = input.factory->Make((*input.spaces)[space], ScheduleSeed(random), /*resample=*/true);
    });
    tried += count;
    const size_t before = out.size();
    for (IndividualPtr& one : found) {
      if (one != nullptr) out.push_back(std::move(one));
    }
    if (out.size() == before) ++fruitless;
  }
  StrAppend(&log, "sampled ", out.size(), " of ", tried, " fresh candidates\n");
  return out;
}

EvolutionaryStrategy::Population EvolutionaryStrategy::NextGeneration(const RoundInput& input,
                                                                      const Population& population,
                                                                      const std::vector<double>& scores, int generation,
                                                                      Made& made, int& rejected) const {
  const WeightedSampler parents(scores);
  std::vector<double> masses = {1 - params_.genetic_mutate_prob};
  double total = 0;
  for (const WeightedMutator& m : *input.mutators) total += m.probability;
  for (const WeightedMutator& m : *input.mutators) {
    masses.push_back(total > 0 ? m.probability / total * params_.genetic_mutate_prob : 0);
  }
  if (total <= 0) masses[0] = 1;
  const WeightedSampler mutators(masses);
  const int n = static_cast<int>(population.size());
  struct Proposal {
    int parent = 0;
    bool keep = false;  // The parent unchanged, if no earlier slot has it.
    uint64_t key = 0;   // Of the changed trace, when there is one.
    IndividualPtr child;
  };
  Population next(n);
  std::vector<Proposal> proposals(n);
  std::vector<bool> kept(n, false);
  std::vector<int> open(n);
  for (int i = 0; i < n; ++i) open[i] = i;
  for (uint64_t attempt = 0; attempt <= static_cast<uint64_t>(params_.genetic_max_fail_count) && !open.empty();
       ++attempt) {
    ParallelFor(static_cast<int>(open.size()), input.num_threads, [&](int k) {
      const int slot = open[k];
      CounterRandom random({input.seed, input.task, static_cast<uint64_t>(input.round), kEvolve,
                            static_cast<uint64_t>(generation), static_cast<uint64_t>(slot), attempt});
      Proposal& proposal = proposals[slot];
      proposal = {};
      proposal.parent = parents.Draw(random);
      const int mutator = mutators.Draw(random);
      if (mutator == 0) {
        proposal.keep = true;
        return;
      }
      const auto changed = (*input.mutators)[mutator - 1].mutator->Apply(population[proposal.parent]->trace, random);
      if (!changed.has_value()) return;
      proposal.key = population[proposal.parent]->KeyOfMutant(*changed);
      const auto known = made.find(proposal.key);  // Only attempts before this one are in it: threads decide nothing.
      proposal.child =
          known != made.end() ? known->second : input.factory->Make(*changed, ScheduleSeed(random), /*resample=*/false);
    });
    std::vector<int> still_open;
    for (int slot : open) {  // In slot order, so that threads do not decide who keeps a parent.
      Proposal& proposal = proposals[slot];
      if (proposal.key != 0) proposal.child = made.emplace(proposal.key, std::move(proposal.child)).first->second;
      if (proposal.child != nullptr) {
        made.emplace(proposal.child->key(), proposal.child);
        next[slot] = std::move(proposal.child);
      } else if (proposal.keep && !kept[proposal.parent]) {
        kept[proposal.parent] = true;
        next[slot] = population[proposal.parent];
      } else {
        rejected += proposal.keep ? 0 : 1;
        still_open.push_back(slot);
      }
    }
    open = std::move(still_open);
  }
  for (int slot : open) next[slot] = population[proposals[slot].parent];
  return next;
}

EvolutionaryStrategy::Population EvolutionaryStrategy::Evolve(const RoundInput& input, Population population,
                                                              std::vector<double>& best_scores,
                                                              std::string& log) const {
  absl::flat_hash_set<uint64_t> seen = *input.proposed;
  BestList best(input.num_candidates);
  Population pool;  // What the indices of `best` mean.
  int rejected = 0;
  Made made;
  for (const IndividualPtr& one : population) made.emplace(one->key(), one);
  for (int generation = 0;; ++generation) {
    const std::vector<double> scores = Score(input, population, generation);
    for (size_t i = 0; i < population.size(); ++i) {
      if (!seen.insert(population[i]->hash).second) continue;
      best.Push(scores[i], static_cast<int>(pool.size()));
      pool.push_back(population[i]);
    }
    if (generation == params_.genetic_num_iters) break;
    population = NextGeneration(input, population, scores, generation, made, rejected);
  }
  Population out;
  for (const BestList::Item& item : best.Sorted()) {
    out.push_back(pool[item.index]);
    best_scores.push_back(item.score);
  }
  StrAppend(&log, "evolved ", params_.genetic_num_iters, " generations: ", pool.size(), " distinct candidates, ",
            rejected, " mutations rejected\n");
  return out;
}

absl::StatusOr<RoundOutput> EvolutionaryStrategy::Propose(const RoundInput& input) const {
  RoundOutput out;
  Population population = PickMeasured(input);
  if (!population.empty()) StrAppend(&out.log, "took ", population.size(), " measured candidates as parents\n");
  const Population fresh = SampleFresh(input, params_.population_size - static_cast<int>(population.size()), out.log);
  if (static_cast<int>(fresh.size()) < params_.init_min_unmeasured) {
    StrAppend(&out.log, "found only ", fresh.size(), " fresh candidates, fewer than ", params_.init_min_unmeasured,
              ": the space is taken as exhausted\n");
    if (fresh.empty()) return out;
  }
  population.insert(population.end(), fresh.begin(), fresh.end());
  std::vector<double> best_scores;
  const Population bests = Evolve(input, std::move(population), best_scores, out.log);
  // Epsilon-greedy: the last few slots prefer random fresh candidates.
  const int num_random = static_cast<int>(input.num_candidates * params_.eps_greedy);
  CounterRandom random({input.seed, input.task, static_cast<uint64_t>(input.round), kPick});
  const std::vector<int> order = RandomPermutation(static_cast<int>(fresh.size()), random);
  size_t next_best = 0;
  size_t next_random = 0;
  absl::flat_hash_set<uint64_t> taken = *input.proposed;
  for (int slot = 0; slot < input.num_candidates; ++slot) {
    const bool prefer_best = slot < input.num_candidates - num_random;
    const bool has_best = next_best < bests.size();
    const bool has_random = next_random < order.size();
    if (!has_best && !has_random) break;
    const bool use_best = has_best && (prefer_best || !has_random);
    const IndividualPtr& pick = use_best ? bests[next_best] : fresh[order[next_random]];
    const double score = use_best ? best_scores[next_best] : 0;
    (use_best ? next_best : next_random)++;
    if (!taken.insert(pick->hash).second) continue;  // The slot is not refilled.
    out.picks.push_back(pick);
    out.scores.push_back(score);
  }
  return out;
}

}  // namespace hone
