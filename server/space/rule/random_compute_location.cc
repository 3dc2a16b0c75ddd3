#include "server/space/rule/random_compute_location.h"

#include <optional>

#include "common/schedule/analysis.h"
#include "common/support/status_macros.h"
#include "server/space/analysis.h"

namespace hone {
namespace {

using schedule::BlockRv;
using schedule::Schedule;
using schedule::SrefId;

constexpr std::string_view kProducerToo = "meta_schedule.random_compute_producer";

bool Applies(const schedule::ScheduleState& state, SrefId block) {
  if (space::IsRootBlock(state, block)) return false;
  const SrefId scope = schedule::ScopeRootOf(state, block);
  if (!space::IsRootBlock(state, scope)) return false;
  const schedule::SrefList loops = schedule::LoopsAbove(state, block);
  if (loops.empty() || schedule::ChildBlocks(state, loops[0]).size() != 1) return false;
  if (space::IsTiled(state, block)) return false;
  return !schedule::Consumers(state, block).empty();
}

absl::Status ComputeAtSampled(Schedule& sch, BlockRv block) {
  HONE_ASSIGN_OR_RETURN(const schedule::LoopRv location, sch.SampleComputeLocation(block));
  return sch.ComputeAt(block, location, /*preserve_unit_loops=*/true);
}

}  // namespace

absl::StatusOr<std::vector<Schedule>> RandomComputeLocation::Apply(Schedule sch, BlockRv block) {
  HONE_ASSIGN_OR_RETURN(const SrefId sref, sch.SrefOf(block));
  if (!Applies(sch.state(), sref)) return OneSchedule(std::move(sch));
  // The producer is looked up first: an inlined block can no longer be asked.
  std::optional<BlockRv> producer;
  if (space::IntAnnotation(sch.state(), sref, kProducerToo, 0) == 1) {
    HONE_ASSIGN_OR_RETURN(const schedule::BlockRvs producers, sch.GetProducers(block));
    HONE_RETURN_IF_ERROR(sch.Unannotate(block, kProducerToo));
    if (producers.size() != 1) return absl::FailedPreconditionError("a factored reduction without its single producer");
    producer = producers[0];
  }
  HONE_RETURN_IF_ERROR(ComputeAtSampled(sch, block));
  if (producer.has_value()) HONE_RETURN_IF_ERROR(ComputeAtSampled(sch, *producer));
  return OneSchedule(std::move(sch));
}

}  // namespace hone
