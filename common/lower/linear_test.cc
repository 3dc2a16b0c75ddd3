#include "common/lower/linear.h"

#include <gtest/gtest.h>

#include "common/ir/ops.h"

namespace hone::lower {
namespace {

using ir::Expr;
using ir::Var;

class LinearTest : public ::testing::Test {
 protected:
  LinearTest() : scope_(arena_) {}
  Var Loop(std::string_view name, int64_t extent) {
    const Var var = ir::MakeVar(name, ir::kInt32);
    context_.Bind(var, {0, extent - 1});
    return var;
  }
  bool Same(Expr a, Expr b) { return context_.Of(a) == context_.Of(b); }

  ir::Arena arena_;
  ir::ArenaScope scope_;
  LinearContext context_;
};

TEST_F(LinearTest, DivisionBySplitFactorGivesTheOuterLoop) {
  const Var io = Loop("io", 8), ii = Loop("ii", 16);
  const Expr fused = io * 16 + ii;
  EXPECT_TRUE(Same(ir::FloorDiv(fused, 16), io));
  EXPECT_TRUE(Same(ir::FloorMod(fused, 16), ii));
}

TEST_F(LinearTest, QuotientAndRemainderRecombine) {
  const Var f = Loop("f", 1000);
  EXPECT_TRUE(Same(ir::FloorDiv(f, 24) * 24 + ir::FloorMod(f, 24), f));
  EXPECT_TRUE(Same(ir::FloorDiv(f, 24) * 48 + ir::FloorMod(f, 24) * 2, f * 2));
}

TEST_F(LinearTest, NestedDivisionsMerge) {
  const Var f = Loop("f", 1000);
  EXPECT_TRUE(Same(ir::FloorDiv(ir::FloorDiv(f, 4), 6), ir::FloorDiv(f, 24)));
  EXPECT_TRUE(Same(ir::FloorMod(ir::FloorMod(f, 24), 4), ir::FloorMod(f, 4)));
  EXPECT_TRUE(Same(ir::FloorDiv(ir::FloorMod(f, 24), 4), ir::FloorMod(ir::FloorDiv(f, 4), 6)));
}

TEST_F(LinearTest, DivisionDropsWhatIsLessThanOneStepOfTheRest) {
  // The lanes of a vector stay next to each other when their place in a row is taken from a fused index.
  const Var o = Loop("o", 4), t = Loop("t", 32), lane = Loop("lane", 2);
  const Expr fused = o * 64 + t * 2 + lane;
  EXPECT_TRUE(Same(ir::FloorDiv(fused, 4), o * 16 + ir::FloorDiv(t, 2)));
  EXPECT_TRUE(Same(ir::FloorMod(fused, 4), ir::FloorMod(t, 2) * 2 + lane));
  EXPECT_TRUE(Same(ir::FloorDiv(fused, 128), ir::FloorDiv(o, 2)));
  EXPECT_TRUE(Same(ir::FloorDiv(fused, 4) * 4 + ir::FloorMod(fused, 4), fused));
}

TEST_F(LinearTest, ConditionsInScopeDecide) {
  const Var i = Loop("i", 8), j = Loop("j", 8);
  const Expr guard = ir::LT(i * 8 + j, ir::Int32(50));
  EXPECT_FALSE(context_.Decide(guard).has_value());
  context_.EnterCondition(guard);
  EXPECT_EQ(context_.Decide(ir::LT(i * 8 + j, ir::Int32(51))), true);
  EXPECT_EQ(context_.Decide(ir::GE(i * 8 + j, ir::Int32(50))), false);
  context_.LeaveCondition();
  EXPECT_FALSE(context_.Decide(guard).has_value());
}

TEST_F(LinearTest, SimplifyingKeepsTheValueOfRandomExpressions) {
  // Random expressions over two variables, evaluated everywhere before and after.
  uint64_t state = 20240607;
  const auto next = [&](int n) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return static_cast<int>((state >> 33) % n);
  };
  const Var x = Loop("x", 13), y = Loop("y", 7);
  const std::function<Expr(int)> make = [&](int depth) -> Expr {
    if (depth == 0) return next(3) == 0 ? ir::Int32(next(20) - 8) : next(2) == 0 ? Expr(x) : Expr(y);
    const Expr a = make(depth - 1);
    switch (next(8)) {
      case 0:
      case 1:
        return ir::MakeBinary(ir::ExprKind::kAdd, a, make(depth - 1));
      case 2:
        return ir::MakeBinary(ir::ExprKind::kSub, a, make(depth - 1));
      case 3:
        return ir::MakeBinary(ir::ExprKind::kMul, a, ir::Int32(next(9) - 3));
      case 4:
        return ir::MakeBinary(ir::ExprKind::kFloorDiv, a, ir::Int32(1 + next(12)));
      case 5:
        return ir::MakeBinary(ir::ExprKind::kFloorMod, a, ir::Int32(1 + next(12)));
      case 6:
        return ir::MakeBinary(ir::ExprKind::kMin, a, make(depth - 1));
      default:
        return ir::MakeBinary(ir::ExprKind::kMax, a, make(depth - 1));
    }
  };
  const auto evaluate = [&](Expr e, int64_t at_x, int64_t at_y) {
    // Folding at construction evaluates a closed expression.
    const std::function<int64_t(Expr)> run = [&](Expr node) -> int64_t {
      if (node == Expr(x)) return at_x;
      if (node == Expr(y)) return at_y;
      if (const int64_t* number = ir::ConstInt(node)) return *number;
      const auto* binary = node.as<ir::BinaryNode>();
      const Expr folded = ir::Binary(binary->kind, ir::Int32(run(binary->a)), ir::Int32(run(binary->b)));
      return *ir::ConstInt(folded);
    };
    return run(e);
  };
  for (int trial = 0; trial < 3000; ++trial) {
    const Expr e = make(1 + next(4));
    const Expr simple = context_.Simplify(e);
    const Bounds bounds = context_.BoundsOf(e);
    for (int64_t i = 0; i < 13; ++i) {
      for (int64_t j = 0; j < 7; ++j) {
        const int64_t value = evaluate(e, i, j);
        ASSERT_EQ(evaluate(simple, i, j), value) << "trial " << trial << " at " << i << ", " << j;
        ASSERT_GE(value, bounds.lo);
        ASSERT_LE(value, bounds.hi);
      }
    }
  }
}

}  // namespace
}  // namespace hone::lower
