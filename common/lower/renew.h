// Copies of statements with definitions of their own.
#pragma once

#include "common/ir/stmt.h"

namespace hone::lower {

// Whether `stmt` defines variables (loops, lets, allocations).
bool DefinesVars(ir::Stmt stmt);
// The same program with every variable that it defines replaced by a new one.
ir::Stmt RenewDefinitions(ir::Stmt stmt);

}  // namespace hone::lower
