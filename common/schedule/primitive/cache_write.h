// Writing a buffer through a copy.
#pragma once

#include "absl/types/span.h"
#include "common/schedule/instruction.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// Lets `block` (with everything in it) and the `consumers` with the blocks directly inside of them use a buffer in
// `storage_scope` instead of the one that `block` writes by its n-th region, and adds a block (returned) that copies it
// back before the first other reader, or at the end of the scope:
//   B[i] = A[i] + 1   =>   B_local[i] = A[i] + 1;  B[v] = B_local[v]
// Refused for an index out of range, an unknown storage scope, or a buffer with another writer in the scope.
absl::StatusOr<SrefId> CacheWrite(ScheduleState& state, SrefId block, int write_buffer_index,
                                  std::string_view storage_scope, absl::Span<const SrefId> consumers);

extern const InstructionRow kCacheWriteRow;

}  // namespace hone::schedule
