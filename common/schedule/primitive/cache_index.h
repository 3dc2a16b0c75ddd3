// Computing index expressions once, into buffers.
#pragma once

#include "common/schedule/instruction.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// Finds pure, compound sub-expressions of the indices in the stores of `block` that occur at least `threshold` times,
// and adds for each, the largest first, a block (returned) before the statement of the scope that holds `block` which
// computes it into a buffer index_var_<k> over the domains of the iters it uses; the block loads it from there. Refused
// when there is none, or for an unknown storage scope.
absl::StatusOr<SrefList> CacheIndex(ScheduleState& state, SrefId block, std::string_view storage_scope, int threshold);

extern const InstructionRow kCacheIndexRow;

}  // namespace hone::schedule
