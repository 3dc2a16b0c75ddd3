#include "server/space/rule/add_nested_rfactor.h"

#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/space/analysis.h"
#include "server/space/cores.h"

namespace hone {
namespace {

using schedule::BlockRv;
using schedule::LoopRv;
using schedule::LoopRvs;
using schedule::Schedule;
using schedule::Value;

absl::Status Nest(Schedule& sch, BlockRv block, int max_innermost_factor) {
  HONE_ASSIGN_OR_RETURN(const space::FusedReduction reduction, space::ReorderAndFuseReductionLoops(sch, block));
  HONE_ASSIGN_OR_RETURN(const schedule::ExprRvs factors,
                        sch.SamplePerfectTile(reduction.fused, 3, max_innermost_factor));
  const Value split_factors[] = {Value::OfRv(factors[0]), Value::OfRv(factors[1]), Value::OfRv(factors[2])};
  HONE_ASSIGN_OR_RETURN(const LoopRvs parts, sch.Split(reduction.fused, split_factors));
  const int spatial = static_cast<int>(reduction.num_spatial_loops);
  HONE_ASSIGN_OR_RETURN(const BlockRv a_core, sch.RFactor(parts[0], spatial));
  HONE_ASSIGN_OR_RETURN(const LoopRvs core_loops, sch.GetLoops(a_core));
  HONE_ASSIGN_OR_RETURN(const BlockRv a_lane, sch.RFactor(core_loops[core_loops.size() - 1], spatial + 1));
  HONE_ASSIGN_OR_RETURN(const LoopRvs lane_loops, sch.GetLoops(a_lane));
  // One parallel loop over cores holds both.
  return sch.ReverseComputeAt(a_core, lane_loops[spatial], /*preserve_unit_loops=*/true);
}

}  // namespace

absl::Status AddNestedRFactor::Initialize(const SpaceContext& context) {
  HONE_ASSIGN_OR_RETURN(const int64_t cores, space::NumCores(context.target, name()));
  limit_extent_ = cores > 1 ? cores * max_jobs_per_core_ : 0;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Schedule>> AddNestedRFactor::Apply(Schedule sch, BlockRv block) {
  HONE_ASSIGN_OR_RETURN(const schedule::SrefId sref, sch.SrefOf(block));
  if (limit_extent_ == 0 || !space::NeedsRFactorOrCrossThreadReduction(sch.state(), sref, limit_extent_)) {
    return OneSchedule(std::move(sch));
  }
  Schedule nested = sch.Copy();
  HONE_RETURN_IF_ERROR(nested.Seed(sch.ForkSeed()));
  std::vector<Schedule> out;
  if (Nest(nested, block, max_innermost_factor_).ok()) out.push_back(std::move(nested));
  out.push_back(std::move(sch));
  return out;
}

std::string AddNestedRFactor::Signature() const {
  return StrCat(name(), "(", max_jobs_per_core_, ", ", max_innermost_factor_, ")");
}

}  // namespace hone
