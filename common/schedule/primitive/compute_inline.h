// Dissolving an elementwise block into its consumers.
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

extern const InstructionRow kComputeInlineRow;

}  // namespace hone::schedule
