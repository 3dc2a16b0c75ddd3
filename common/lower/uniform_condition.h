// Conditions of vectorized loops that turn out the same for all lanes.
#pragma once

#include <cstdint>

#include "common/ir/expr.h"
#include "common/lower/linear.h"

namespace hone::lower {

// `condition` without `lane` wherever it does not depend on it: with 8 lanes, x * 8 + lane < 256 becomes x * 8 < 256,
// for 256 is never between two lanes of one vector. Looks into and, or, not and likely; comparisons of index arithmetic
// that do change within a vector stay as they are. `lane` is in [0, lanes).
ir::Expr WithoutLane(LinearContext& context, ir::Expr condition, ir::Var lane, int64_t lanes);

}  // namespace hone::lower
