// Parts of a predicate.
#pragma once

#include "absl/functional/function_ref.h"
#include "common/ir/expr.h"
#include "common/ir/ops.h"

namespace hone::schedule {

// The conjunction of those conjuncts of `predicate` for which `keep` holds; literal true when there is none.
inline ir::Expr ConjunctsWhere(ir::Expr predicate, absl::FunctionRef<bool(ir::Expr)> keep) {
  if (const auto* both = predicate.as<ir::AndNode>()) {
    return ir::And(ConjunctsWhere(both->a, keep), ConjunctsWhere(both->b, keep));
  }
  return keep(predicate) ? predicate : ir::BoolImm(true);
}

}  // namespace hone::schedule
