// What sample_compute_location asks of compute_at and compute_inline without changing anything: would they succeed?
#pragma once

#include "common/schedule/state.h"

namespace hone::schedule {

// Defined beside the primitives.
bool CanComputeInline(ScheduleState& state, SrefId block);
bool CanComputeAt(ScheduleState& state, SrefId block, SrefId loop, bool preserve_unit_loops);

}  // namespace hone::schedule
