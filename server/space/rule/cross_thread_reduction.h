// Reduces with the threads of a GPU block, fused into the consumer where possible.
#pragma once

#include <cstdint>
#include <vector>

#include "server/space/schedule_rule.h"

namespace hone {

class CrossThreadReduction final : public ScheduleRule {
 public:
  // `fuse_tuples`: blocks that reduce several values at once are fused, too, which the peer's rule leaves apart.
  explicit CrossThreadReduction(std::vector<int64_t> thread_extents, bool fuse_tuples = false)
      : thread_extents_(std::move(thread_extents)), fuse_tuples_(fuse_tuples) {}
  std::string_view name() const override { return "CrossThreadReduction"; }
  std::string Signature() const override;
  absl::Status Initialize(const SpaceContext& context) override;
  absl::StatusOr<std::vector<schedule::Schedule>> Apply(schedule::Schedule sch, schedule::BlockRv block) override;
  std::unique_ptr<ScheduleRule> Clone() const override { return std::make_unique<CrossThreadReduction>(*this); }

 private:
  std::vector<int64_t> thread_extents_;
  bool fuse_tuples_;
  int64_t max_threads_per_block_ = -1;  // -1: the target does not say, the rule does nothing.
};

}  // namespace hone
