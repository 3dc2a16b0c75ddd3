// Random integer expressions over a few variables, for tests that compare meaning before and after.
#pragma once

#include <vector>

#include "common/arith/testing/evaluate.h"
#include "common/ir/expr.h"
#include "common/support/random.h"

namespace hone::arith::testing {

struct RandomVar {
  ir::Var var;
  int64_t min;
  int64_t extent;
};

class RandomExpr {
 public:
  // Variables of int32 in small ranges (some with negative values, some of extent 1).
  RandomExpr(CounterRandom& random, int num_vars);

  const std::vector<RandomVar>& vars() const { return vars_; }
  // An index expression; `depth` bounds its height.
  ir::Expr Int(int depth);
  ir::Expr Bool(int depth);
  // A vector of 4 lanes of int32.
  ir::Expr Vector(int depth);
  // An expression of the forms that schedules make: sums of scaled, split and fused loop variables.
  ir::Expr Index();
  // From now on some literals are as large as the type allows.
  void UseExtremeLiterals() { extreme_ = true; }
  // Values of all variables within their ranges.
  Environment Sample();

 private:
  ir::Expr Leaf();
  ir::Expr Literal();
  ir::Expr Divisor(int depth);

  CounterRandom& random_;
  bool extreme_ = false;
  std::vector<RandomVar> vars_;
};

}  // namespace hone::arith::testing
