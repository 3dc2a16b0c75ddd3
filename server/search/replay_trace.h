// Random points of the design spaces (reference/search.md section 2.2), without repeating a module.
#pragma once

#include "server/search/strategy.h"

namespace hone {

class ReplayTraceStrategy final : public Strategy {
 public:
  explicit ReplayTraceStrategy(int max_fail_count) : max_fail_count_(max_fail_count) {}
  bool NeedsCostModel() const override { return false; }
  absl::StatusOr<RoundOutput> Propose(const RoundInput& input) const override;

 private:
  int max_fail_count_;  // Attempts a slot.
};

}  // namespace hone
