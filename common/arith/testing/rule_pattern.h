// Expressions made from the name of a rule: "(x + y) - (x + z)" gives instances in which the letters are random.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "common/arith/testing/random_expr.h"

namespace hone::arith::testing {

// The names follow Python's precedence. The letters x, y, z, w are expressions (equal letters, equal expressions),
// where a condition is wanted a, b, c, d are conditions; c, c1, c2, .., k, d, s are literals, mostly such that one
// divides the next. `/` and `%` are either rounding, min either extreme, `<` any comparison of order. What follows a
// comma outside of brackets is for the reader.
class RulePattern {
 public:
  // nullopt when the name is no expression.
  static std::optional<RulePattern> Parse(std::string_view name);

  ir::Expr Make(RandomExpr& exprs, CounterRandom& random) const;

  struct Node;

 private:
  std::shared_ptr<const Node> root_;
};

}  // namespace hone::arith::testing
