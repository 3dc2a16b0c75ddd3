// Finding blocks and loops. Nothing here changes the program.
#pragma once

#include "common/schedule/instruction.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// The block with this name in the function; refused when there is none, or more than one.
absl::StatusOr<SrefId> FindBlock(const ScheduleState& state, std::string_view name, std::string_view function);
// All blocks anywhere below `scope_block` that write a buffer which their own scope does not allocate, parents first.
SrefList OutputBlocks(const ScheduleState& state, SrefId scope_block);

extern const InstructionRow kGetBlockRow;
extern const InstructionRow kGetLoopsRow;
extern const InstructionRow kGetChildBlocksRow;
extern const InstructionRow kGetProducersRow;
extern const InstructionRow kGetConsumersRow;
extern const InstructionRow kGetOutputBlocksRow;

}  // namespace hone::schedule
