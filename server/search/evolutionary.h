// Evolutionary search guided by a cost model (reference/search.md section 2.3).
#pragma once

#include "absl/container/flat_hash_map.h"
#include "server/search/strategy.h"

namespace hone {

struct EvolutionaryParams {
  int population_size = 512;
  double init_measured_ratio = 0.2;  // Share of the first population that comes from measured candidates.
  int init_min_unmeasured = 50;      // Fewer fresh samples than this end the search.
  int max_fail_count = 5;            // Fruitless sampling passes allowed.
  int genetic_num_iters = 4;         // Generations.
  double genetic_mutate_prob = 0.85;
  int genetic_max_fail_count = 10;  // Further attempts a child.
  double eps_greedy = 0.05;         // Share of random picks.
};

class EvolutionaryStrategy final : public Strategy {
 public:
  explicit EvolutionaryStrategy(EvolutionaryParams params) : params_(params) {}
  bool NeedsCostModel() const override { return true; }
  absl::StatusOr<RoundOutput> Propose(const RoundInput& input) const override;

 private:
  using Population = std::vector<std::shared_ptr<const Individual>>;
  Population PickMeasured(const RoundInput& input) const;
  Population SampleFresh(const RoundInput& input, int count, std::string& log) const;
  Population Evolve(const RoundInput& input, Population population, std::vector<double>& scores,
                    std::string& log) const;
  // What this round has made of traces, by key; null where a trace was refused.
  using Made = absl::flat_hash_map<uint64_t, std::shared_ptr<const Individual>>;
  Population NextGeneration(const RoundInput& input, const Population& population, const std::vector<double>& scores,
                            int generation, Made& made, int& rejected) const;

  EvolutionaryParams params_;
};

}  // namespace hone
