// Changing the layout of a buffer.
#pragma once

#include "common/schedule/instruction.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// The buffer (a parameter or allocated by a block, no view) that the block reads or writes at `buffer_index` gets the
// shape that `index_map` gives its old one, and every access is mapped. Unless `assume_injective`, a map that leaves
// padding needs `pad_value`, a map from the new indices to one value of the buffer's dtype that loads nothing else.
absl::Status TransformLayout(ScheduleState& state, SrefId block, int buffer_index, bool write,
                             const ir::IndexMapNode* index_map, const ir::IndexMapNode* pad_value,
                             bool assume_injective);

extern const InstructionRow kTransformLayoutRow;

}  // namespace hone::schedule
