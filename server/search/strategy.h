// Search strategies as pure rounds: what they know comes in through the round's inputs, every random draw is keyed by
// (seed, task, round, generation, slot, attempt).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/cost_model/cost_model.h"
#include "server/search/candidate_factory.h"

namespace hone {

struct MeasuredIndividual {
  std::shared_ptr<const Individual> individual;
  double cost;  // Seconds; kFailedCost for a failure.
};

// What a strategy works on. Everything outlives the strategy's calls.
struct RoundInput {
  const CandidateFactory* factory;
  const std::vector<schedule::Trace>* spaces;  // Simplified, without postprocessing part.
  const Mutators* mutators;
  CostModel* cost_model;  // Null for strategies that need none.
  uint64_t seed;
  uint64_t task;
  int round;
  int num_candidates;  // At most so many are wanted.
  int num_threads;
  const std::vector<MeasuredIndividual>* measured;  // Results that this round may know, in slot order.
  const absl::flat_hash_set<uint64_t>* proposed;    // Hashes of all earlier rounds' candidates.
  // Takes the place of the cost model's answer for models that want more than features; from one thread at a time.
  std::function<std::vector<double>(absl::Span<const std::shared_ptr<const Individual>>, uint64_t draw)> score =
      nullptr;
  // What "replay-func" runs anew for each candidate: a generator that is initialised, and its workload.
  const SpaceGenerator* generator = nullptr;
  const ir::IRModule* workload = nullptr;
};

struct RoundOutput {
  std::vector<std::shared_ptr<const Individual>> picks;
  // Empty, or for each pick its whole trace, where that is not what the postprocs make of it.
  std::vector<schedule::Trace> whole_traces;
  std::vector<double> scores;  // Of the picks, by the cost model.
  std::string log;
};

class Strategy {
 public:
  virtual ~Strategy() = default;
  virtual bool NeedsCostModel() const = 0;
  virtual absl::StatusOr<RoundOutput> Propose(const RoundInput& input) const = 0;
};

// "evolutionary", "replay-trace", "replay-func", and "given-traces", which proposes what it is given. `params_json`: an
// object that overrides defaults by name; an unknown name or a value out of range is InvalidArgument.
absl::StatusOr<std::unique_ptr<Strategy>> MakeStrategy(std::string_view kind, std::string_view params_json);

}  // namespace hone
