// Dissolving elementwise blocks into their consumers or their producer.
#pragma once

#include "common/schedule/instruction.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// Puts the value that `block` stores in the place of every load of its buffer, and removes block and buffer. The block
// stores one element at its own iters in order (or a bijective affine map of them):
//   B[i] = A[i] * 2;  C[i, j] = B[j] + 1   =>   C[i, j] = A[j] * 2 + 1
// Refused unless the block has no init and one write region, its scope is a stage pipeline, it is complete and no
// output, its body has this form, the buffer is used by loads only, and the block is not the only leaf.
absl::Status ComputeInline(ScheduleState& state, SrefId block);
// What ComputeInline would answer; changes nothing.
absl::Status CheckComputeInline(const ScheduleState& state, SrefId block);

// Merges the consumer `block` into its single producer:
//   B[i] = A[i] * 2;  C[j, k] = B[j * 4 + k] + 1   =>   C[i // 4, i % 4] = A[i] * 2 + 1
// Refused unless the block has no init, its scope is a stage pipeline, it is complete with a true predicate, reads one
// buffer that is produced in the scope (by one complete block, no output), at one index that is an affine map of its
// iters, and stores one element. Where the block's domain is smaller than the producer's, the producer gets a predicate.
absl::Status ReverseComputeInline(ScheduleState& state, SrefId block);
absl::Status CheckReverseComputeInline(const ScheduleState& state, SrefId block);

extern const InstructionRow kComputeInlineRow;
extern const InstructionRow kReverseComputeInlineRow;

}  // namespace hone::schedule
