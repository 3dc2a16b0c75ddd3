// Splitting a loop into a nest.
#pragma once

#include "absl/types/span.h"
#include "common/schedule/instruction.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// Replaces `loop` (extent E, starting at 0, without annotations or thread binding) by one serial loop a factor,
// outermost first, which visit the same points in the same order. At most one factor is kInferFactor and becomes
// ceil(E / product of the others); the others are positive, and their product is at least E. Where the new loops may
// leave E, the blocks below are guarded by a predicate, unless `disable_predication`:
//   i: 10, factors {kInferFactor, 4}   =>   i_0: 3, i_1: 4, where i_0 * 4 + i_1 < 10
absl::StatusOr<SrefList> Split(ScheduleState& state, SrefId loop, absl::Span<const int64_t> factors,
                               bool preserve_unit_iters, bool disable_predication);

extern const InstructionRow kSplitRow;

}  // namespace hone::schedule
