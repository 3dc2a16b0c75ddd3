// Splits the init off every reduction that is not bound to threads.
#pragma once

#include "server/space/postproc.h"

namespace hone {

class RewriteReductionBlock final : public Postproc {
 public:
  std::string_view name() const override { return "RewriteReductionBlock"; }
  absl::StatusOr<bool> Apply(schedule::Schedule& sch) const override;
  std::unique_ptr<Postproc> Clone() const override { return std::make_unique<RewriteReductionBlock>(); }
};

}  // namespace hone
