// Packs parameters whose layout is free (weights) into the layout that the tiled loops read, through a block that is
// marked as done ahead of time.
#pragma once

#include "server/space/postproc.h"

namespace hone {

class RewriteLayout final : public Postproc {
 public:
  std::string_view name() const override { return "RewriteLayout"; }
  absl::StatusOr<bool> Apply(schedule::Schedule& sch) const override;
  std::unique_ptr<Postproc> Clone() const override { return std::make_unique<RewriteLayout>(); }
};

}  // namespace hone
