// Factoring one loop of a reduction out into an intermediate buffer.
#pragma once

#include "common/schedule/instruction.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// Splits the reduction below the reduce loop `loop` in two: a block <name>_rf (returned), for which `loop` is spatial,
// reduces over the other reduce loops into a buffer with one more dimension at `factor_axis`, and the block itself,
// which then reduces that buffer over `loop`:
//   for i, k0, k1: C[i] += A[i, k0, k1]   =>   for i, k0, k1: R[k1, i] += A[i, k0, k1];  for i, k1: C[i] += R[k1, i]
// As with the peer, the block itself gets no predicate: loops that overshoot a spatial domain make it overshoot the
// buffer. factor_axis is in [-(ndim + 1), ndim]. Refused unless exactly one block is below `loop`, its scope is a stage
// pipeline, it is a reduction by a known commutative reducer, `loop` is serial and feeds no spatial iter, no loop feeds
// both kinds of iters, the block is the first below its outermost loop and the only one below the first reduce loop,
// and no unused loop of extent other than 1 comes below that.
absl::StatusOr<SrefId> RFactor(ScheduleState& state, SrefId loop, int factor_axis);

extern const InstructionRow kRFactorRow;

}  // namespace hone::schedule
