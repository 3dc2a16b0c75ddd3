// Structural equality of expressions where variables and buffers are compared by identity.
#pragma once

#include "common/ir/expr.h"

namespace hone::arith {

// Fast and allocation-free. Let-bound variables must be the same node to be equal.
bool DeepEqual(ir::Expr a, ir::Expr b);

}  // namespace hone::arith
