// The extent between two ends of a slice or loop.
#pragma once

#include "common/ir/expr.h"

namespace hone::script {

// stop - start: what was added to `start` when `stop` is written as such a sum, a literal when the terms cancel, and
// the folded difference otherwise. Both have the same integer type.
ir::Expr Difference(ir::Expr stop, ir::Expr start);

}  // namespace hone::script
