// Spreads the copies into shared memory that rules marked over the threads of a block, with vector loads.
#pragma once

#include "server/space/postproc.h"

namespace hone {

class RewriteCooperativeFetch final : public Postproc {
 public:
  std::string_view name() const override { return "RewriteCooperativeFetch"; }
  absl::Status Initialize(const SpaceContext& context) override;
  absl::StatusOr<bool> Apply(schedule::Schedule& sch) const override;
  std::unique_ptr<Postproc> Clone() const override { return std::make_unique<RewriteCooperativeFetch>(*this); }

 private:
  int64_t thread_warp_size_ = -1;
};

}  // namespace hone
