// Reading a buffer through a copy.
#pragma once

#include "absl/types/span.h"
#include "common/schedule/instruction.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// Adds a block (returned) that copies what `block` reads by its n-th region into a buffer in `storage_scope`, and lets
// the `consumers` with the blocks directly inside of them (all readers in the scope when empty) read that. For an input
// of the scope, the copy stands at its beginning; for a buffer that a block of the scope produces, between it and the
// first consumer:
//   B[i] = A[i] + 1   =>   A_shared[v] = A[v];  B[i] = A_shared[i] + 1
// Refused for an index out of range, an unknown storage scope, a buffer with several writers in the scope, or readers
// that are not covered by their producers.
absl::StatusOr<SrefId> CacheRead(ScheduleState& state, SrefId block, int read_buffer_index,
                                 std::string_view storage_scope, absl::Span<const SrefId> consumers);

extern const InstructionRow kCacheReadRow;

}  // namespace hone::schedule
