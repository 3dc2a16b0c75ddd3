// Binds blocks that no other rule bound to the grid of a GPU.
#pragma once

#include <cstdint>
#include <vector>

#include "server/space/schedule_rule.h"

namespace hone {

class AutoBind final : public ScheduleRule {
 public:
  AutoBind(int64_t max_threadblocks, std::vector<int64_t> thread_extents)
      : max_threadblocks_(max_threadblocks), thread_extents_(std::move(thread_extents)) {}
  std::string_view name() const override { return "AutoBind"; }
  std::string Signature() const override;
  absl::Status Initialize(const SpaceContext& context) override;
  absl::StatusOr<std::vector<schedule::Schedule>> Apply(schedule::Schedule sch, schedule::BlockRv block) override;
  std::unique_ptr<ScheduleRule> Clone() const override { return std::make_unique<AutoBind>(*this); }

 private:
  int64_t max_threadblocks_;
  std::vector<int64_t> thread_extents_;
  int64_t max_threads_per_block_ = -1;
};

}  // namespace hone
