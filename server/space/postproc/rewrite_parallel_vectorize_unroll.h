// Does what ParallelizeVectorizeUnroll marked: fuses and parallelises outer spatial loops of every nest, fuses and
// vectorises inner ones, and sets the unroll pragma.
#pragma once

#include "server/space/postproc.h"

namespace hone {

class RewriteParallelVectorizeUnroll final : public Postproc {
 public:
  std::string_view name() const override { return "RewriteParallelVectorizeUnroll"; }
  absl::StatusOr<bool> Apply(schedule::Schedule& sch) const override;
  std::unique_ptr<Postproc> Clone() const override { return std::make_unique<RewriteParallelVectorizeUnroll>(); }
};

}  // namespace hone
