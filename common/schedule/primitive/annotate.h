// Annotations of blocks and loops.
#pragma once

#include "common/schedule/instruction.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// Nothing changes when the key is there already. `value` lies in the schedule's arena.
void Annotate(ScheduleState& state, SrefId id, std::string_view key, const ir::Object* value);
// InvalidArgument when the key is absent.
absl::Status Unannotate(ScheduleState& state, SrefId id, std::string_view key);

extern const InstructionRow kAnnotateRow;
extern const InstructionRow kUnannotateRow;

}  // namespace hone::schedule
