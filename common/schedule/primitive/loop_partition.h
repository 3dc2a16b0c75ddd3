// Cutting a loop's range into parts that stand one after the other.
#pragma once

#include "absl/types/span.h"
#include "common/schedule/instruction.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// `factors` are the lengths of the parts, one of them at most kInferFactor (the rest of the extent); without it, a last
// part reaches up to the extent. The loop (constant range, no annotations or thread binding) becomes a block with one
// block a part, each with its own copy of the body. Returns the loops of the parts.
absl::StatusOr<SrefList> LoopPartition(ScheduleState& state, SrefId loop, absl::Span<const int64_t> factors);

extern const InstructionRow kLoopPartitionRow;

}  // namespace hone::schedule
