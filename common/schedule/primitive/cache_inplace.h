// Updating a buffer in place by way of a cache.
#pragma once

#include <utility>

#include "common/schedule/instruction.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// Lets `block`, which reads and writes the n-th read buffer, do so in a buffer of `storage_scope`, and adds copies into
// it right before and out of it right after the block. Returns both copies. As with the peer, the copied region is the
// one the block declares, in terms of its own iters: the copies do not run on their own. Refused for an index out of
// range, an unknown storage scope, readers that are not covered by their producers, or a block that does not both read
// and write the buffer.
absl::StatusOr<std::pair<SrefId, SrefId>> CacheInplace(ScheduleState& state, SrefId block, int read_buffer_index,
                                                       std::string_view storage_scope);

extern const InstructionRow kCacheInplaceRow;

}  // namespace hone::schedule
