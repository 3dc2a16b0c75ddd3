// Overruling what a block declares to read and write.
#pragma once

#include "absl/types/span.h"
#include "common/schedule/instruction.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// Region `buffer_index` of the block's reads or writes becomes [begin0, end0) x ..., given by the final indices begin0,
// end0, begin1, ... of a map of the block's iters. An annotation notes it, so that later inference leaves it alone.
absl::Status AnnotateBufferAccess(ScheduleState& state, SrefId block, int buffer_index, bool write,
                                  const ir::IndexMapNode* index_map);

// Removes the listed regions from the block's reads or writes, although the accesses remain (hence unsafe).
absl::Status UnsafeHideBufferAccess(ScheduleState& state, SrefId block, bool write, absl::Span<const int64_t> indices);

extern const InstructionRow kAnnotateBufferAccessRow;
extern const InstructionRow kUnsafeHideBufferAccessRow;

}  // namespace hone::schedule
