// How a loop is run: in parallel, as vectors, bound to a thread axis, unrolled.
//
// Parallel, vectorized and bound loops need: every block below has a compact dataflow with respect to the loop
// (skippable), and uses the loop in spatial iters only, or in reduce iters for a threadIdx axis. Unrolling has no
// conditions. An earlier kind or binding is overwritten; annotations stay.
#pragma once

#include "common/schedule/instruction.h"
#include "common/schedule/state.h"

namespace hone::schedule {

absl::Status Parallel(ScheduleState& state, SrefId loop);
absl::Status Vectorize(ScheduleState& state, SrefId loop);
// InvalidArgument when `thread_axis` is no thread axis.
absl::Status Bind(ScheduleState& state, SrefId loop, std::string_view thread_axis);
absl::Status Unroll(ScheduleState& state, SrefId loop);

extern const InstructionRow kParallelRow;
extern const InstructionRow kVectorizeRow;
extern const InstructionRow kBindRow;
extern const InstructionRow kUnrollRow;

}  // namespace hone::schedule
