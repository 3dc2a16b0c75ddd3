// Evaluation of integer expressions on concrete values, and a plain printer: the oracle of the arithmetic tests.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/ir/expr.h"

namespace hone::arith::testing {

using Environment = std::vector<std::pair<const ir::VarNode*, int64_t>>;

// The value of lane `lane` of `e` (0 for scalars), or nullopt where `e` has none: a division by zero, a value that its
// index type cannot hold, a variable without value. Narrow and unsigned types wrap.
std::optional<int64_t> Evaluate(ir::Expr e, const Environment& environment, int lane = 0);
// The same, but also nullopt when a value of an index type on the way is 2^20 or more: then no rewriting of a few steps
// can bring an overflow about.
std::optional<int64_t> EvaluateSmall(ir::Expr e, const Environment& environment, int lane = 0);

// Infix text, fully bracketed.
std::string ToText(ir::Expr e);

}  // namespace hone::arith::testing
