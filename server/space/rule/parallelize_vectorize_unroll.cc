#include "server/space/rule/parallelize_vectorize_unroll.h"

#include "absl/strings/str_join.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/space/analysis.h"
#include "server/space/cores.h"

namespace hone {

using schedule::Value;

absl::Status ParallelizeVectorizeUnroll::Initialize(const SpaceContext& context) {
  if (max_jobs_per_core_ == -1) return absl::OkStatus();
  HONE_ASSIGN_OR_RETURN(const int64_t cores, space::NumCores(context.target, name()));
  max_parallel_extent_ = cores * max_jobs_per_core_;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<schedule::Schedule>> ParallelizeVectorizeUnroll::Apply(schedule::Schedule sch,
                                                                                  schedule::BlockRv root) {
  HONE_ASSIGN_OR_RETURN(const schedule::SrefId sref, sch.SrefOf(root));
  if (!space::IsRootBlock(sch.state(), sref)) return OneSchedule(std::move(sch));
  if (max_jobs_per_core_ != -1) {
    HONE_RETURN_IF_ERROR(sch.Annotate(root, "meta_schedule.parallel", Value::Int(max_parallel_extent_)));
  }
  if (max_vectorize_extent_ != -1) {
    HONE_RETURN_IF_ERROR(sch.Annotate(root, "meta_schedule.vectorize", Value::Int(max_vectorize_extent_)));
  }
  if (!unroll_max_steps_.empty() && !space::IsInSpatialFunction(sch.state(), sref)) {
    const std::vector<double> probs(unroll_max_steps_.size(), 1.0 / static_cast<double>(unroll_max_steps_.size()));
    HONE_ASSIGN_OR_RETURN(const schedule::ExprRv steps, sch.SampleCategorical(unroll_max_steps_, probs));
    HONE_RETURN_IF_ERROR(
        sch.Annotate(root, unroll_explicit_ ? "meta_schedule.unroll_explicit" : "meta_schedule.unroll_implicit",
                     Value::OfRv(steps)));
  }
  return OneSchedule(std::move(sch));
}

std::string ParallelizeVectorizeUnroll::Signature() const {
  return StrCat(name(), "(", max_jobs_per_core_, ", ", max_vectorize_extent_, ", [",
                absl::StrJoin(unroll_max_steps_, ","), "], ", unroll_explicit_ ? "T" : "F", ")");
}

}  // namespace hone
