// Changes how many outer loops are fused into the parallel one, by another limit of parallel work.
#pragma once

#include <memory>

#include "server/space/mutator.h"

namespace hone {

class MutateParallel final : public Mutator {
 public:
  explicit MutateParallel(int max_jobs_per_core) : max_jobs_per_core_(max_jobs_per_core) {}
  std::string_view name() const override { return "MutateParallel"; }
  std::string Signature() const override;
  absl::Status Initialize(const SpaceContext& context, const ir::IRModule& workload) override;
  std::optional<schedule::Trace> Apply(const schedule::Trace& trace, CounterRandom& random) const override;
  std::unique_ptr<Mutator> Clone() const override { return std::make_unique<MutateParallel>(*this); }

 private:
  int max_jobs_per_core_;
  int64_t max_parallel_extent_ = -1;
  std::shared_ptr<const schedule::Schedule> start_;  // Of the workload; nothing was done to it.
};

}  // namespace hone
