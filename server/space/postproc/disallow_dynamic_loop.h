// Rejects candidates with a loop of unknown extent.
#pragma once

#include "server/space/postproc.h"

namespace hone {

class DisallowDynamicLoop final : public Postproc {
 public:
  std::string_view name() const override { return "DisallowDynamicLoop"; }
  absl::StatusOr<bool> Apply(schedule::Schedule& sch) const override;
  std::unique_ptr<Postproc> Clone() const override { return std::make_unique<DisallowDynamicLoop>(); }
};

}  // namespace hone
