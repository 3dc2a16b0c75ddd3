// The instruction that separates a design space's instructions from those that postprocs add.
#pragma once

#include "common/schedule/instruction.h"

namespace hone::schedule {

extern const InstructionRow kEnterPostprocRow;

}  // namespace hone::schedule
