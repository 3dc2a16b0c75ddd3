// Marks a root block with how far its nests are to be parallelised, vectorised and unrolled; the postproc
// RewriteParallelVectorizeUnroll does it.
#pragma once

#include <cstdint>
#include <vector>

#include "server/space/schedule_rule.h"

namespace hone {

class ParallelizeVectorizeUnroll final : public ScheduleRule {
 public:
  // -1: no parallel (vectorize) mark. Empty steps: no unroll mark.
  ParallelizeVectorizeUnroll(int max_jobs_per_core, int max_vectorize_extent, std::vector<int64_t> unroll_max_steps,
                             bool unroll_explicit)
      : max_jobs_per_core_(max_jobs_per_core),
        max_vectorize_extent_(max_vectorize_extent),
        unroll_max_steps_(std::move(unroll_max_steps)),
        unroll_explicit_(unroll_explicit) {}
  std::string_view name() const override { return "ParallelizeVectorizeUnroll"; }
  std::string Signature() const override;
  absl::Status Initialize(const SpaceContext& context) override;
  absl::StatusOr<std::vector<schedule::Schedule>> Apply(schedule::Schedule sch, schedule::BlockRv root) override;
  std::unique_ptr<ScheduleRule> Clone() const override { return std::make_unique<ParallelizeVectorizeUnroll>(*this); }

 private:
  int max_jobs_per_core_;
  int max_vectorize_extent_;
  std::vector<int64_t> unroll_max_steps_;
  bool unroll_explicit_;
  int64_t max_parallel_extent_ = -1;
};

}  // namespace hone
