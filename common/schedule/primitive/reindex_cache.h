// Caching with another layout of the cache.
#pragma once

#include "common/schedule/instruction.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// Like cache_read (cache_write) for `block` alone, with a cache whose indices are `index_map` of the block's iters and
// whose shape is the map's image of their extents. The copy block has the block's own iters as far as they are used,
// under the loops that bind them. Refused for an index out of range, an unknown storage scope, a scope that is no stage
// pipeline, a region of more than a point, iters that occur in the old or the new indices only, or several writers of
// the buffer.
absl::StatusOr<SrefId> ReindexCacheRead(ScheduleState& state, SrefId block, int read_buffer_index,
                                        std::string_view storage_scope, const ir::IndexMapNode* index_map);
absl::StatusOr<SrefId> ReindexCacheWrite(ScheduleState& state, SrefId block, int write_buffer_index,
                                         std::string_view storage_scope, const ir::IndexMapNode* index_map);

extern const InstructionRow kReindexCacheReadRow;
extern const InstructionRow kReindexCacheWriteRow;

}  // namespace hone::schedule
