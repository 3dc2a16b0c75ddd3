// Replaces the blocks that rules marked for it by their tensor intrinsics.
#pragma once

#include "server/space/postproc.h"

namespace hone {

class RewriteTensorize final : public Postproc {
 public:
  explicit RewriteTensorize(bool vectorize_init_loop) : vectorize_init_loop_(vectorize_init_loop) {}
  std::string_view name() const override { return "RewriteTensorize"; }
  std::string Signature() const override;
  absl::StatusOr<bool> Apply(schedule::Schedule& sch) const override;
  std::unique_ptr<Postproc> Clone() const override { return std::make_unique<RewriteTensorize>(*this); }

 private:
  bool vectorize_init_loop_;
};

}  // namespace hone
