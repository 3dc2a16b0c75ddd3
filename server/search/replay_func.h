// The space generator run anew for each candidate, with fresh draws inside (reference/search.md section 2.1).
#pragma once

#include "server/search/strategy.h"

namespace hone {

class ReplayFuncStrategy final : public Strategy {
 public:
  explicit ReplayFuncStrategy(int max_fail_count) : max_fail_count_(max_fail_count) {}
  bool NeedsCostModel() const override { return false; }
  // FailedPrecondition without a generator and a workload in the input.
  absl::StatusOr<RoundOutput> Propose(const RoundInput& input) const override;

 private:
  int max_fail_count_;  // Attempts a slot; the peer tries for ever.
};

}  // namespace hone
