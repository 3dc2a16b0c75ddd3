// Constant intervals of index expressions by per-operator rules, as they stand, over loop variables given by slot.
#pragma once

#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "common/ir/expr.h"

namespace hone {

struct Interval {
  static constexpr int64_t kInf = int64_t{1} << 62;  // Unbounded; arithmetic saturates here.
  int64_t min = -kInf;
  int64_t max = kInf;
};

// Variables that are not in `bounds` are unbounded within their dtype (size variables: not negative).
using VarIntervals = absl::flat_hash_map<const ir::VarNode*, Interval>;
Interval EvaluateInterval(ir::Expr e, const VarIntervals& bounds);

}  // namespace hone
