// Moving a block, with just the loops it needs, under a loop of its consumers or producers.
#pragma once

#include "common/schedule/instruction.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// Positions in the loop's body besides plain numbers.
inline constexpr int kLastPossible = -1;
inline constexpr int kFirstPossible = -2;

// Moves the producer `block` under `loop`, which holds all of its consumers, before the first of them. The block gets
// one new loop an iter (none for domains of extent 1 unless `preserve_unit_loops`) over what the consumers need in one
// turn of `loop`; iters outside of their domain are masked by a predicate:
//   for i: B(i) = A(i)                   for j: for k: C(j, k) = B(j * 4 + k)
//   =>  for j: { for ax0 in 4: B(j * 4 + ax0) = ...; for k: C(j, k) = ... }
// Refused unless the scope is a stage pipeline, the block is complete or a reduction and no output, `loop` is in the
// same scope and not above the block, the block is not the only leaf, all consumers are under the loop, and after the
// last producer there. InvalidArgument for an index outside of the possible positions.
absl::Status ComputeAt(ScheduleState& state, SrefId block, SrefId loop, bool preserve_unit_loops, int index);
// The same for a consumer, which goes after the producers that feed it. As with the peer, it is the caller's part that
// its own consumers come after the loop.
absl::Status ReverseComputeAt(ScheduleState& state, SrefId block, SrefId loop, bool preserve_unit_loops, int index);

// What ComputeAt would answer; changes nothing.
absl::Status CheckComputeAt(const ScheduleState& state, SrefId block, SrefId loop, bool preserve_unit_loops);

extern const InstructionRow kComputeAtRow;
extern const InstructionRow kReverseComputeAtRow;

}  // namespace hone::schedule
