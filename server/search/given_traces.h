// Proposes given candidates, once: how a client has a farm measure candidates of its own.
#pragma once

#include <string>
#include <vector>

#include "server/search/strategy.h"

namespace hone {

class GivenTracesStrategy final : public Strategy {
 public:
  // Whole traces, the postprocs' part included.
  explicit GivenTracesStrategy(std::vector<schedule::Trace> traces) : traces_(std::move(traces)) {}
  bool NeedsCostModel() const override { return false; }
  // All of them in round 0, in order, equal ones too; later rounds are empty. Builders check them.
  absl::StatusOr<RoundOutput> Propose(const RoundInput& input) const override;

 private:
  const std::vector<schedule::Trace> traces_;
};

}  // namespace hone
