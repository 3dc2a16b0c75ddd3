// What the loops above a block mean for it: which of them a region seen from further up is relaxed over, and whether they
// come back to what it did.
#pragma once

#include <string_view>

#include "common/schedule/rebind.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// The loops from `low` upward to below `high` (at most up to the next block), and, for a storage scope that threads
// share, all thread loops above that whose threads share it.
LoopDomains RelaxedLoops(const ScheduleState& state, SrefId low, SrefId high, std::string_view storage_scope);

// Whether, as far as can be told, the loops from `top` down to `block` (its own scope's) take it to a point of its
// iters more than once: a loop that no binding uses, or bindings like h * 2 + r with r in [0, 3), which are affine all
// the same. A reduction sums such elements again with each visit, which is right only while its init comes again, too.
bool Revisits(const ScheduleState& state, SrefId block, SrefId top);

// The same, without counting loops over threads of which each has its own copy of what the block writes.
bool RevisitsInOneStorage(const ScheduleState& state, SrefId block, SrefId top);

}  // namespace hone::schedule
