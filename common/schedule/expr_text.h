// Index expressions as Python text, for the Python form of traces.
#pragma once

#include <string>

#include "common/ir/expr.h"

namespace hone::schedule {

// Operators with as few parentheses as Python needs. Loads and calls print in a readable form.
std::string ExprText(ir::Expr e);

}  // namespace hone::schedule
