// Rejects candidates that allocate more of the scope global.vtcm than the target has (attribute vtcm-capacity; 0: any).
#pragma once

#include "server/space/postproc.h"

namespace hone {

class VerifyVtcmLimit final : public Postproc {
 public:
  std::string_view name() const override { return "VerifyVTCMLimit"; }
  // InvalidArgument for a target that is no Hexagon.
  absl::Status Initialize(const SpaceContext& context) override;
  absl::StatusOr<bool> Apply(schedule::Schedule& sch) const override;
  std::unique_ptr<Postproc> Clone() const override { return std::make_unique<VerifyVtcmLimit>(*this); }

 private:
  int64_t capacity_bytes_ = 0;
};

}  // namespace hone
