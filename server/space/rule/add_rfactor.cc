#include "server/space/rule/add_rfactor.h"

#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/space/analysis.h"
#include "server/space/cores.h"

namespace hone {

using schedule::Schedule;

absl::Status AddRFactor::Initialize(const SpaceContext& context) {
  if (max_jobs_per_core_ == -1) return absl::OkStatus();
  HONE_ASSIGN_OR_RETURN(const int64_t cores, space::NumCores(context.target, name()));
  limit_extent_ = cores * max_jobs_per_core_;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Schedule>> AddRFactor::Apply(Schedule sch, schedule::BlockRv block) {
  HONE_ASSIGN_OR_RETURN(const schedule::SrefId sref, sch.SrefOf(block));
  if (!space::NeedsRFactorOrCrossThreadReduction(sch.state(), sref, limit_extent_)) return OneSchedule(std::move(sch));
  Schedule original = sch.Copy();
  HONE_RETURN_IF_ERROR(original.Seed(sch.ForkSeed()));
  HONE_ASSIGN_OR_RETURN(const space::FusedReduction reduction, space::ReorderAndFuseReductionLoops(sch, block));
  HONE_ASSIGN_OR_RETURN(const schedule::ExprRvs factors,
                        sch.SamplePerfectTile(reduction.fused, 2, max_innermost_factor_));
  const schedule::Value split_factors[] = {schedule::Value::OfRv(factors[0]), schedule::Value::OfRv(factors[1])};
  HONE_ASSIGN_OR_RETURN(const schedule::LoopRvs parts, sch.Split(reduction.fused, split_factors));
  std::vector<Schedule> out;
  for (schedule::LoopRv part : parts) {
    Schedule variant = sch.Copy();
    HONE_RETURN_IF_ERROR(variant.Seed(sch.ForkSeed()));
    const absl::StatusOr<schedule::BlockRv> partial =
        variant.RFactor(part, static_cast<int>(reduction.num_spatial_loops));
    if (!partial.ok()) continue;  // Not legal for this loop: the variant is dropped.
    HONE_RETURN_IF_ERROR(variant.GetLoops(*partial).status());
    HONE_RETURN_IF_ERROR(variant.Annotate(block, "meta_schedule.random_compute_producer", schedule::Value::Int(1)));
    out.push_back(std::move(variant));
  }
  out.push_back(std::move(original));
  return out;
}

std::string AddRFactor::Signature() const {
  return StrCat(name(), "(", max_jobs_per_core_, ", ", max_innermost_factor_, ")");
}

}  // namespace hone
