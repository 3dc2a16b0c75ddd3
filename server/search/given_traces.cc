#include "server/search/given_traces.h"

#include "common/support/strings.h"

namespace hone {

absl::StatusOr<RoundOutput> GivenTracesStrategy::Propose(const RoundInput& input) const {
  RoundOutput out;
  if (input.round > 0) return out;
  if (input.num_candidates < static_cast<int>(traces_.size())) {
    return absl::InvalidArgumentError(
        StrCat(traces_.size(), " traces are given but a round has ", input.num_candidates, " candidates"));
  }
  for (const schedule::Trace& trace : traces_) {
    auto individual = std::make_shared<Individual>();
    individual->trace = trace;
    out.picks.push_back(std::move(individual));
    out.scores.push_back(0);
    out.whole_traces.push_back(trace);
  }
  return out;
}

}  // namespace hone
