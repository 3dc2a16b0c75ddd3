// Whether what the blocks of a scope read is covered by what their producers write.
#pragma once

#include "common/schedule/state.h"

namespace hone::schedule {

// Sets region_cover of the blocks directly in `scope`, then stage_pipeline of `scope` itself.
void ComputeChildFlags(ScheduleState& state, SrefId scope);

}  // namespace hone::schedule
