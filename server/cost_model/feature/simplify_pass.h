// Simplification of a whole function as the features expect it: loops are bound, none is removed.
#pragma once

#include "common/arith/analyzer.h"
#include "common/ir/module.h"

namespace hone {

// Every expression is simplified under the ranges of the loops and the conditions around it; decided branches go. A
// division of a float by a literal becomes a multiplication. (The pipeline's own Simplify also removes unit loops and
// uses another normal form, which would change the counts.)
ir::PrimFunc SimplifyPass(ir::PrimFunc func);

// What the pass does to one expression; the analyzer knows the loops around it.
ir::Expr SimplifyOne(arith::Analyzer& analyzer, ir::Expr e);

// SimplifyOne of SimplifyOne of `e`, at the cost of one where that settles it.
ir::Expr SimplifyTwice(arith::Analyzer& analyzer, ir::Expr e);

}  // namespace hone
