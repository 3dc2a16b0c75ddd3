#include "common/arith/deduce_bound.h"

#include <gtest/gtest.h>

#include "common/arith/analyzer.h"
#include "common/arith/detect_linear.h"
#include "common/arith/testing/random_expr.h"
#include "common/ir/ops.h"

namespace hone::arith {
namespace {

using ir::Expr;
using ir::Int32;
using ir::Var;
using testing::Environment;
using testing::EvaluateSmall;
using testing::RandomExpr;
using testing::RandomVar;
using testing::ToText;

class DeduceBoundTest : public ::testing::Test {
 protected:
  ir::Arena arena_;
  ir::ArenaScope scope_{arena_};
  Var x_ = ir::MakeVar("x", ir::kInt32);
  Var y_ = ir::MakeVar("y", ir::kInt32);
  Var n_ = ir::MakeVar("n", ir::kInt32);
};

TEST_F(DeduceBoundTest, UpperLimitOfASplitLoop) {
  DomMap relaxed;
  relaxed.Set(y_, ir::Range{Int32(0), Int32(4)});
  const IntSet set = DeduceBound(x_, ir::LT(Expr(x_) * 4 + y_, n_), relaxed);
  EXPECT_FALSE(set.HasLowerBound());
  EXPECT_EQ(ToText(set.max()), "((n // 4) - 1)");
}

TEST_F(DeduceBoundTest, NegativeFactorTurnsTheLimitRound) {
  const IntSet set = DeduceBound(x_, ir::LE(Expr(n_) - Expr(x_) * 3, Int32(5)), DomMap());
  EXPECT_FALSE(set.HasUpperBound());
  EXPECT_EQ(ToText(set.min()), "((n // 3) - 1)");
}

TEST_F(DeduceBoundTest, EqualityGivesAPoint) {
  const IntSet set = DeduceBound(x_, ir::EQ(Expr(x_) + 2, n_), DomMap());
  ASSERT_TRUE(set.IsSinglePoint());
  EXPECT_EQ(ToText(set.min()), "(n - 2)");
}

TEST_F(DeduceBoundTest, NothingWhenTheVariableIsNotAlone) {
  EXPECT_TRUE(DeduceBound(x_, ir::LT(ir::FloorMod(x_, Int32(4)), Int32(2)), DomMap()).IsNothing());
  EXPECT_TRUE(DeduceBound(x_, ir::LT(ir::Mul(x_, x_), Int32(9)), DomMap()).IsNothing());
}

TEST_F(DeduceBoundTest, RandomConditionsHoldInTheSetDeduced) {
  int found = 0;
  for (uint64_t seed = 0; seed < 20000; ++seed) {
    ir::Arena arena;
    ir::ArenaScope scope(arena);
    CounterRandom random({seed, 77});
    RandomExpr exprs(random, 3);
    const Var var = exprs.vars()[0].var;
    const Expr left = ir::Add(ir::Mul(var, Int32(random.Between(-4, 4))), seed % 2 == 0 ? exprs.Index() : exprs.Int(2));
    const Expr condition = ir::MakeBinary(
        static_cast<ir::ExprKind>(static_cast<int>(ir::ExprKind::kEQ) + random.Below(6)), left, exprs.Int(1));
    DomMap relaxed;
    const RandomVar& other = exprs.vars()[1];
    relaxed.Set(other.var, ir::Range{Int32(other.min), Int32(other.extent)});
    const IntSet set = DeduceBound(var, condition, relaxed);
    if (set.IsNothing()) continue;
    for (int i = 0; i < 16; ++i) {
      const Environment values = exprs.Sample();
      const auto truth = EvaluateSmall(condition, values);
      if (!truth) continue;
      const auto low = set.min() ? EvaluateSmall(set.min(), values) : values[0].second;
      const auto high = set.max() ? EvaluateSmall(set.max(), values) : values[0].second;
      if (!low || !high || values[0].second < *low || values[0].second > *high) continue;
      ++found;
      ASSERT_EQ(*truth, 1) << "seed " << seed << ": " << ToText(condition) << " for x in [" << ToText(set.min()) << ", "
                           << ToText(set.max()) << "] at x = " << values[0].second;
    }
  }
  EXPECT_GT(found, 10000);
}

TEST_F(DeduceBoundTest, LinearFormGivesCoefficientsAndRest) {
  const Var vars[] = {x_, y_};
  const auto form = DetectLinear((Expr(x_) + y_) * 3 - Expr(y_) + n_, vars);
  ASSERT_TRUE(form.has_value());
  EXPECT_EQ(ToText((*form)[0]), "3");
  EXPECT_EQ(ToText((*form)[1]), "2");
  EXPECT_EQ(ToText((*form)[2]), "n");
  EXPECT_FALSE(DetectLinear(ir::Mul(x_, y_), vars).has_value());
  EXPECT_FALSE(DetectLinear(ir::FloorDiv(x_, Int32(2)), vars).has_value());
}

TEST_F(DeduceBoundTest, ClipBoundsOfAConjunction) {
  const Var vars[] = {x_, y_};
  const auto bounds =
      DetectClipBound(ir::And(ir::And(ir::LE(Int32(1), x_), ir::LT(x_, n_)), ir::LT(Expr(y_) + 2, Int32(9))), vars);
  ASSERT_TRUE(bounds.has_value());
  EXPECT_EQ(ToText((*bounds)[0].min()), "1");
  EXPECT_EQ(ToText((*bounds)[0].max()), "(n - 1)");
  EXPECT_EQ(ToText((*bounds)[1].max()), "6");
  EXPECT_FALSE(DetectClipBound(ir::LT(Expr(x_) + y_, n_), vars).has_value());
}

}  // namespace
}  // namespace hone::arith
