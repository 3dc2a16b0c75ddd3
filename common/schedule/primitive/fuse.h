// Fusing a chain of loops into one.
#pragma once

#include "absl/types/span.h"
#include "common/schedule/instruction.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// Replaces `loops`, outermost first, by one serial loop over all their points in the same order. Each loop's body is
// exactly the next; none has annotations or a thread binding, all start at 0 and no extent depends on another of them.
//   i: 4, j: 8   =>   i_j_fused: 32 with i = i_j_fused // 8, j = i_j_fused % 8
absl::StatusOr<SrefId> Fuse(ScheduleState& state, absl::Span<const SrefId> loops, bool preserve_unit_iters);

extern const InstructionRow kFuseRow;

}  // namespace hone::schedule
