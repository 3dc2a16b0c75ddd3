// Rejects candidates with asynchronous copies that are not contiguous on both sides. In no default list.
#pragma once

#include "server/space/postproc.h"

namespace hone {

class DisallowAsyncStridedMemCopy final : public Postproc {
 public:
  std::string_view name() const override { return "DisallowAsyncStridedMemCopy"; }
  absl::StatusOr<bool> Apply(schedule::Schedule& sch) const override;
  std::unique_ptr<Postproc> Clone() const override { return std::make_unique<DisallowAsyncStridedMemCopy>(*this); }
};

}  // namespace hone
