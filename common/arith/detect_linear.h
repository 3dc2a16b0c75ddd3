// Linear forms: e = sum of coefficient * variable + the rest.
#pragma once

#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "common/arith/int_set.h"
#include "common/ir/expr.h"

namespace hone::arith {

// The coefficients of `vars` in `e`, in order, followed by the part without them; coefficients and that part mention
// none of `vars`. nullopt when `e` is not linear in them.
std::optional<std::vector<ir::Expr>> DetectLinear(ir::Expr e, absl::Span<const ir::Var> vars);

// Bounds of single variables that the conjunction `condition` implies: one interval for each of `vars` (everything
// when it says nothing). nullopt when some conjunct is no linear bound of exactly one of `vars`.
std::optional<std::vector<IntSet>> DetectClipBound(ir::Expr condition, absl::Span<const ir::Var> vars);

}  // namespace hone::arith
