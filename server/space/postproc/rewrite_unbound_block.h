// Binds what is still not bound to the grid of a GPU.
#pragma once

#include "server/space/postproc.h"

namespace hone {

class RewriteUnboundBlock final : public Postproc {
 public:
  explicit RewriteUnboundBlock(int64_t max_threadblocks) : max_threadblocks_(max_threadblocks) {}
  std::string_view name() const override { return "RewriteUnboundBlock"; }
  std::string Signature() const override;
  absl::Status Initialize(const SpaceContext& context) override;
  absl::StatusOr<bool> Apply(schedule::Schedule& sch) const override;
  std::unique_ptr<Postproc> Clone() const override { return std::make_unique<RewriteUnboundBlock>(*this); }

 private:
  int64_t max_threadblocks_;
  int64_t max_threads_per_block_ = -1;
};

}  // namespace hone
