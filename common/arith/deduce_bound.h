// Solving a comparison for one variable.
#pragma once

#include "common/arith/int_set.h"
#include "common/ir/expr.h"

namespace hone::arith {

class Analyzer;

// A set of values of `var` for all of which `condition` holds, whatever the variables in `relaxed` are in their
// domains: an interval with ends free of `var` and of relaxed variables. `condition` is one comparison (likely() is
// looked through). Nothing when no such set is found; the set may be empty for some values of its symbols.
IntSet DeduceBound(ir::Var var, ir::Expr condition, const DomMap& relaxed, Analyzer& analyzer);
IntSet DeduceBound(ir::Var var, ir::Expr condition, const DomMap& relaxed);

}  // namespace hone::arith
