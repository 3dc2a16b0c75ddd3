// Copies of statements with variables of their own.
#pragma once

#include <string_view>

#include "common/ir/mutator.h"
#include "common/ir/stmt.h"

namespace hone::schedule {

// `stmt` with new variables, of the same names, in the place of all that it defines (loops, block iters, lets,
// allocations), and `suffix` added to the names of blocks. `map` gives further replacements of variables.
ir::Stmt RenewDefinitions(ir::Stmt stmt, std::string_view suffix = {}, ir::VarMap map = {});

}  // namespace hone::schedule
