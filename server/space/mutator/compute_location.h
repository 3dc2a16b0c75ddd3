// Moves a block to another of the loops that it could be computed at.
#pragma once

#include "server/space/mutator.h"

namespace hone {

class MutateComputeLocation final : public Mutator {
 public:
  std::string_view name() const override { return "MutateComputeLocation"; }
  absl::Status Initialize(const SpaceContext& context, const ir::IRModule& workload) override;
  std::optional<schedule::Trace> Apply(const schedule::Trace& trace, CounterRandom& random) const override;
  std::unique_ptr<Mutator> Clone() const override { return std::make_unique<MutateComputeLocation>(*this); }

 private:
  ir::IRModule workload_;
  schedule::TensorIntrinTable intrinsics_ = nullptr;
};

}  // namespace hone
