// Copying a buffer in one piece at a loop.
#pragma once

#include "common/schedule/instruction.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// Inserts in the body of `loop`, before the first statement that reads the n-th read buffer of `block`, a block
// (returned, annotated auto_copy) that copies all that is read below `loop` into a buffer in `storage_scope` of the
// same shape, and lets all statements from there on use that. As with the peer, predicates are not regarded: loops that
// overshoot make the copy overshoot the buffer. Refused for an index out of range, a scope that is no stage pipeline, a
// buffer that is not read below the loop, or is written there after the first read.
absl::StatusOr<SrefId> ReadAt(ScheduleState& state, SrefId loop, SrefId block, int read_buffer_index,
                              std::string_view storage_scope);
// The same for a written buffer: the copy comes after the last statement that writes it, and all statements before use
// the new buffer. Refused when a read comes after the last write.
absl::StatusOr<SrefId> WriteAt(ScheduleState& state, SrefId loop, SrefId block, int write_buffer_index,
                               std::string_view storage_scope);

extern const InstructionRow kReadAtRow;
extern const InstructionRow kWriteAtRow;

}  // namespace hone::schedule
