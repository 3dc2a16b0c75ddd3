// Padding the iteration space of an einsum-like block.
#pragma once

#include "absl/types/span.h"
#include "common/schedule/instruction.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// Rounds each iter's extent up to a multiple of its entry of `padding`. Read buffers that grow are copied before into
// <buffer>_pad, zero outside; written ones are written as <buffer>_pad and copied back after. All regions of the block
// are single points indexed by iters or constants, each buffer once. The scope is a stage pipeline. Beyond that, and
// unlike the peer, refused where the padding would show: a loop that grows holds another block, a padded reduce iter
// adds more than zeros, a padded buffer is written in part or by another block of the nest.
absl::Status PadEinsum(ScheduleState& state, SrefId block, absl::Span<const int64_t> padding);

extern const InstructionRow kPadEinsumRow;

}  // namespace hone::schedule
