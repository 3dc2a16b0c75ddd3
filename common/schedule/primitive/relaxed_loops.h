// Which loops a region is relaxed over when it is seen from further up.
#pragma once

#include <string_view>

#include "common/schedule/rebind.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// The loops from `low` upward to below `high` (at most up to the next block), and, for a storage scope that threads
// share, all thread loops above that whose threads share it.
LoopDomains RelaxedLoops(const ScheduleState& state, SrefId low, SrefId high, std::string_view storage_scope);

}  // namespace hone::schedule
