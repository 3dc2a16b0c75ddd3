// Changing what a buffer is, wherever it is used: its storage scope, its element type, its axis separators.
#pragma once

#include "absl/types/span.h"
#include "common/schedule/instruction.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// The block's write buffer, allocated by a block above, becomes <buffer>_<scope> in `storage_scope`; views of it change
// with it. Nothing happens when it is there already.
absl::Status SetScope(ScheduleState& state, SrefId block, int buffer_index, std::string_view storage_scope);

// The block's write buffer, allocated by a block above, gets another element type: stored values are cast to it, loaded
// ones back. Names stay. Changes what the program computes (hence unsafe).
absl::Status UnsafeSetDType(ScheduleState& state, SrefId block, int buffer_index, ir::DataType dtype);

// Sets the buffer's axis separators, also those of views of the same rank. Not for a view itself.
absl::Status SetAxisSeparator(ScheduleState& state, SrefId block, int buffer_index, bool write,
                              absl::Span<const int64_t> separators);

extern const InstructionRow kSetScopeRow;
extern const InstructionRow kUnsafeSetDTypeRow;
extern const InstructionRow kSetAxisSeparatorRow;

}  // namespace hone::schedule
