// Dissolving an elementwise consumer into its producer.
#pragma once

#include "common/schedule/instruction.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// Merges the consumer `block` into its single producer:
//   B[i] = A[i] * 2;  C[j, k] = B[j * 4 + k] + 1   =>   C[i // 4, i % 4] = A[i] * 2 + 1
// Refused unless the block has no init, its scope is a stage pipeline, it is complete with a true predicate, reads one
// buffer that is produced in the scope (by one complete block, no output), at one index that is an affine map of its
// iters, and stores one element. As with the peer, it is the caller's part that no other block reads the producer's
// buffer, which is gone afterwards. Where the block's domain is smaller than the producer's, the producer gets a
// predicate.
absl::Status ReverseComputeInline(ScheduleState& state, SrefId block);

extern const InstructionRow kReverseComputeInlineRow;

}  // namespace hone::schedule
