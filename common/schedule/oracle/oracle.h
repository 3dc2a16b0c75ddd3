// What must hold of every schedule, whatever primitives made it.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "common/schedule/schedule.h"

namespace hone::schedule {

// Runs the program before and after, and once more with every parallel, vectorized and thread-bound loop over data
// parallel iters running backwards: OK when all compute the same. FailedPrecondition for another result, OutOfRange
// for an access outside of a buffer.
absl::Status CheckResults(const ir::IRModule& before, const Schedule& schedule, uint64_t seed);

// The trace, as JSON and (where the form keeps everything) in Python, applied to the program again gives the same
// program and the same trace. DataLoss when not.
absl::Status CheckTrace(const ir::IRModule& before, const Schedule& schedule);

// `program` with its parallel, vectorized and thread-bound loops running backwards, except those that a reduction uses.
ir::IRModule RunBackwards(const ir::IRModule& program);

// Program, trace in its Python form, and program after it: what a person needs of a failing case.
std::string Describe(const ir::IRModule& before, const Schedule& schedule);

}  // namespace hone::schedule
