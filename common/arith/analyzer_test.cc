#include "common/arith/analyzer.h"

#include <gtest/gtest.h>

#include "common/arith/testing/evaluate.h"
#include "common/ir/ops.h"

namespace hone::arith {
namespace {

using ir::Expr;
using ir::FloorDiv;
using ir::FloorMod;
using ir::Int32;
using ir::Range;
using ir::Var;
using testing::ToText;

class AnalyzerTest : public ::testing::Test {
 protected:
  std::string Simple(Expr e) { return ToText(analyzer_.Simplify(e)); }
  std::string Rewritten(Expr e) { return ToText(analyzer_.RewriteSimplify(e)); }
  void Bind(Var var, int64_t min, int64_t extent) { analyzer_.Bind(var, Range{Int32(min), Int32(extent)}); }
  static Expr Div(Expr a, int64_t b) { return ir::TruncDiv(a, Int32(b)); }
  static Expr Mod(Expr a, int64_t b) { return ir::TruncMod(a, Int32(b)); }

  ir::Arena arena_;
  ir::ArenaScope scope_{arena_};
  Analyzer analyzer_;
  Var x_ = ir::MakeVar("x", ir::kInt32);
  Var y_ = ir::MakeVar("y", ir::kInt32);
  Var z_ = ir::MakeVar("z", ir::kInt32);
  Var n_ = ir::MakeSizeVar("n", ir::kInt32);
  Expr x = x_, y = y_, z = z_, n = n_;
};

TEST_F(AnalyzerTest, UnchangedExpressionsComeBackAsTheSameNode) {
  Bind(x_, 0, 16);
  Bind(y_, 0, 8);
  for (Expr e : {x * 8 + y, FloorDiv(x, 4), FloorMod(x, 4), ir::LT(x, Int32(7)), ir::Min(x, y), x + 3, x - 3}) {
    EXPECT_EQ(analyzer_.Simplify(e), e) << ToText(e);
  }
}

TEST_F(AnalyzerTest, SumsPrintPositiveTermsFirstAndTheLiteralBetween) {
  EXPECT_EQ(Simple(Int32(3) + x - y * 2), "((x + 3) - (y * 2))");
  EXPECT_EQ(Simple(Int32(0) - y), "(0 - y)");
  EXPECT_EQ(Simple(x - 5), "(x - 5)");
  EXPECT_EQ(Simple(x + y - x), "y");
  EXPECT_EQ(Simple((x + 1) * 4 - 4), "(x * 4)");
  EXPECT_EQ(Simple(Int32(2) * x + x), "(x * 3)");
  EXPECT_EQ(Simple(x * y * 2 + y * (x * 3)), "(((x * y) * 2) + ((y * x) * 3))");
}

TEST_F(AnalyzerTest, SplitsOfOneIndexMergeAgain) {
  EXPECT_EQ(Simple(FloorDiv(x, 8) * 8 + FloorMod(x, 8)), "x");
  EXPECT_EQ(Simple(FloorMod(x, 8) + FloorDiv(x, 8) * 8), "x");
  EXPECT_EQ(Simple(FloorDiv(FloorMod(x, 32), 8) * 8 + FloorMod(x, 8)), "(x %% 32)");
  EXPECT_EQ(Simple(FloorDiv(x, 6) * 2 + FloorDiv(FloorMod(x, 6), 3)), "(x // 3)");
  EXPECT_EQ(Simple(FloorDiv(x, 32) * 32 + FloorDiv(FloorMod(x, 32), 8) * 8 + FloorMod(x, 8)), "x");
}

TEST_F(AnalyzerTest, QuotientsAndRemaindersOfFusedLoops) {
  Bind(x_, 0, 16);
  Bind(y_, 0, 8);
  EXPECT_EQ(Simple(FloorDiv(x * 8 + y, 8)), "x");
  EXPECT_EQ(Simple(FloorMod(x * 8 + y, 8)), "y");
  EXPECT_EQ(Simple(FloorDiv(x * 8 + y, 4)), "((x * 2) + (y // 4))");
  EXPECT_EQ(Simple(FloorMod(x * 8 + y, 32)), "(((x %% 4) * 8) + y)");
  EXPECT_EQ(Simple(FloorDiv(FloorDiv(x, 2), 4)), "(x // 8)");
  EXPECT_EQ(Simple(FloorMod(FloorDiv(x, 2), 4)), "((x %% 8) // 2)");
  EXPECT_EQ(Simple(FloorDiv(x, 16)), "0");
  EXPECT_EQ(Simple(FloorMod(x, 16)), "x");
  EXPECT_EQ(Simple(FloorMod(x - 5, 3)), "((x + 1) %% 3)");
  EXPECT_EQ(Simple(FloorMod(x * 9, 3)), "0");
}

TEST_F(AnalyzerTest, TruncationUnifiesWithFloorWhereNothingIsNegative) {
  Bind(x_, 0, 100);
  EXPECT_EQ(Simple(Div(x * 4, 2)), "(x * 2)");
  EXPECT_EQ(Simple(Div(x * 4 + 3, 4)), "x");
  EXPECT_EQ(Simple(Mod(x * 4 + 3, 4)), "3");
  // Not where the sum may be negative: (-4 + 3) / 4 is 0, not -1.
  EXPECT_EQ(Simple(Div(y * 4 + 3, 4)), "(((y * 4) + 3) / 4)");
}

TEST_F(AnalyzerTest, ComparisonsMoveLiteralsToOneSide) {
  EXPECT_EQ(Simple(ir::LT(x + 1, Int32(8))), "(x < 7)");
  EXPECT_EQ(Simple(ir::GE(x - 1, Int32(0))), "(1 <= x)");
  EXPECT_EQ(Simple(ir::GT(x, y)), "(y < x)");
  EXPECT_EQ(Simple(ir::LE(x + 2, Int32(8))), "(x <= 6)");
  EXPECT_EQ(Simple(ir::EQ(Int32(3), x)), "(x == 3)");
  EXPECT_EQ(Simple(ir::EQ(x - 2, Int32(3))), "(x == 5)");
  EXPECT_EQ(Simple(ir::Not(ir::LT(x, y))), "(y <= x)");
  EXPECT_EQ(Simple(ir::LT(x * 4, Int32(15))), "(x < 4)");
  EXPECT_EQ(Simple(ir::LT(FloorDiv(x, 4), Int32(3))), "(x < 12)");
  EXPECT_EQ(Simple(ir::LT(x + y, x + z)), "(y < z)");
  EXPECT_EQ(Simple(ir::LT(x, x + 1)), "1");
}

TEST_F(AnalyzerTest, CommonFactorsLeaveGuards) {
  Bind(x_, 0, 64);
  Bind(y_, 0, 4);
  EXPECT_EQ(Simple(ir::LT(x * 4 + y, Int32(32))), "(x < 8)");
  EXPECT_EQ(Simple(ir::LT(x * 4 + y, Int32(256))), "1");
  EXPECT_EQ(Simple(ir::LT(x * 4 + y, Int32(31))), "(((x * 4) + y) < 31)");
}

TEST_F(AnalyzerTest, BoundsDecideMinAndMax) {
  Bind(x_, 0, 8);
  EXPECT_EQ(Simple(ir::Min(x, Int32(7))), "x");
  EXPECT_EQ(Simple(ir::Max(x, Int32(9))), "9");
  EXPECT_EQ(Simple(ir::Min(y + 1, y + 4)), "(y + 1)");
  EXPECT_EQ(Simple(ir::Max(y * 4, z * 4)), "(max(y, z) * 4)");
  EXPECT_EQ(Simple(ir::Min(ir::Min(y, Int32(3)), Int32(5))), "min(y, 3)");
  EXPECT_EQ(Simple(ir::Max(ir::Min(y, z), y)), "y");
  EXPECT_EQ(Simple(ir::Min(y, z) - y), "min((z - y), 0)");
}

TEST_F(AnalyzerTest, LogicAbsorbs) {
  EXPECT_EQ(Simple(ir::And(ir::LT(x, Int32(3)), ir::LT(x, Int32(5)))), "(x < 3)");
  EXPECT_EQ(Simple(ir::And(ir::LT(x, Int32(3)), ir::LT(Int32(5), x))), "0");
  EXPECT_EQ(Simple(ir::Or(ir::LT(x, Int32(3)), ir::LE(Int32(2), x))), "1");
  EXPECT_EQ(Simple(ir::And(ir::LT(x, y), ir::LE(y, x))), "0");
  EXPECT_EQ(Simple(ir::Or(ir::EQ(x, y), ir::NE(x, y))), "1");
}

TEST_F(AnalyzerTest, SelectsUseTheirCondition) {
  EXPECT_EQ(Simple(ir::Select(ir::LT(x, Int32(3)), ir::Min(x, Int32(3)), y)), "select((x < 3), x, y)");
  EXPECT_EQ(Simple(ir::Select(ir::LT(x, Int32(3)), y, y)), "y");
  EXPECT_EQ(Simple(ir::IfThenElse(ir::LT(x, y), ir::IfThenElse(ir::LT(y, z), x, Int32(0)), Int32(0))),
            "if_then_else(((x < y) && (y < z)), x, 0)");
}

TEST_F(AnalyzerTest, ConditionsThatMayTrapStayBehindTheirGuard) {
  const Expr inner = ir::IfThenElse(ir::LT(FloorMod(x, y), Int32(2)), x, Int32(0));
  const Expr e = ir::IfThenElse(ir::LT(Int32(0), y), inner, Int32(0));
  EXPECT_EQ(analyzer_.Simplify(e), e);
  // Both values of a Select are evaluated: max(y, 1) keeps the divisor from zero where the other one is chosen.
  const Expr divided = ir::Select(ir::LT(Int32(0), y), FloorDiv(x, ir::Max(y, Int32(1))), Int32(0));
  EXPECT_EQ(analyzer_.Simplify(divided), divided);
}

TEST_F(AnalyzerTest, UnitRangesAndValuesAreSubstituted) {
  Bind(x_, 5, 1);
  EXPECT_EQ(Simple(x * 2 + y), "(y + 10)");
  analyzer_.Bind(z_, y + 1);
  EXPECT_EQ(Simple(z * 2), "((y * 2) + 2)");
}

TEST_F(AnalyzerTest, BindingAnewForgetsWhatWasKnown) {
  analyzer_.Bind(x_, Range{Int32(0), n});
  EXPECT_TRUE(analyzer_.CanProve(ir::LT(x, n)));
  analyzer_.Bind(x_, Range{Int32(0), n + 1});
  EXPECT_FALSE(analyzer_.CanProve(ir::LT(x, n)));
}

TEST_F(AnalyzerTest, ConstraintsHoldOnlyInTheirScope) {
  {
    const ConstraintScope scope = analyzer_.EnterConstraint(ir::And(ir::LE(Int32(0), x), ir::LT(x, Int32(8))));
    EXPECT_EQ(Simple(FloorDiv(x, 8)), "0");
    EXPECT_TRUE(analyzer_.CanProve(ir::LT(x, Int32(8))));
  }
  EXPECT_EQ(Simple(FloorDiv(x, 8)), "(x // 8)");
  {
    const ConstraintScope scope = analyzer_.EnterConstraint(ir::EQ(FloorMod(x, 4), Int32(1)));
    EXPECT_EQ(Simple(FloorMod(x + 3, 4)), "0");
  }
  EXPECT_EQ(Simple(FloorMod(x + 3, 4)), "((x + 3) %% 4)");
}

TEST_F(AnalyzerTest, ChainsOfComparisonsAreFollowed) {
  const ConstraintScope first = analyzer_.EnterConstraint(ir::LT(x, y));
  const ConstraintScope second = analyzer_.EnterConstraint(ir::LE(y + 2, z));
  EXPECT_EQ(analyzer_.Compare(x, z), CompareResult::kLT);
  EXPECT_TRUE(analyzer_.CanProve(ir::LT(x + 2, z)));
  EXPECT_FALSE(analyzer_.CanProve(ir::LT(x + 3, z)));
}

TEST_F(AnalyzerTest, SymbolicExtentsProveGuards) {
  analyzer_.Bind(x_, Range{Int32(0), n});
  Bind(y_, 0, 4);
  EXPECT_TRUE(analyzer_.CanProve(ir::LT(x, n)));
  EXPECT_TRUE(analyzer_.CanProve(ir::LT(x * 4 + y, n * 4), ProofStrength::kSymbolicBound));
  EXPECT_FALSE(analyzer_.CanProve(ir::LT(x * 4 + y, n * 4 - 1), ProofStrength::kSymbolicBound));
}

TEST_F(AnalyzerTest, CeilingOfAnUnevenSplit) {
  EXPECT_EQ(Simple(FloorDiv(Int32(100) + 32 - 1, 32)), "4");
  EXPECT_EQ(Simple(FloorDiv(n + 31, 32)), "((n + 31) // 32)");
  EXPECT_EQ(Simple(FloorDiv(n * 32 + 31, 32)), "n");
}

TEST_F(AnalyzerTest, CastsBetweenIndexTypesMoveToTheVariables) {
  Bind(x_, 0, 16);
  const Expr wide = ir::Cast(ir::kInt64, x * 4 + 1);
  EXPECT_EQ(Simple(wide), "((int64(x) * 4) + 1)");
  EXPECT_EQ(Simple(ir::Cast(ir::kInt32, ir::Cast(ir::kInt64, x * 4 + 1))), "((x * 4) + 1)");
}

TEST_F(AnalyzerTest, VectorsOfRampAndBroadcast) {
  const Expr ramp = ir::MakeRamp(x, Int32(1), 4);
  const Expr four = ir::MakeBroadcast(Int32(4), 4);
  EXPECT_EQ(Simple(ir::Add(ramp, four)), "ramp((x + 4), 1, 4)");
  EXPECT_EQ(Simple(ir::Mul(ramp, four)), "ramp((x * 4), 4, 4)");
  EXPECT_EQ(Simple(FloorDiv(ir::MakeRamp(x * 4, Int32(1), 4), four)), "broadcast(x, 4)");
  EXPECT_EQ(Simple(FloorMod(ir::MakeRamp(x * 4, Int32(1), 4), four)), "ramp(0, 1, 4)");
}

TEST_F(AnalyzerTest, LiteralsThatDoNotFitStopTheRewriting) {
  // 65536 * 65536 does not fit int32: the divisors must not be multiplied.
  const Expr e = FloorDiv(FloorDiv(x, 65536), 65536);
  EXPECT_EQ(Simple(e), ToText(e));
  const Expr product = x * 65536 * 65536;
  EXPECT_EQ(Simple(product), ToText(product));
}

TEST_F(AnalyzerTest, LikelyOfALiteralDisappears) {
  const Expr e = ir::MakeCall(ir::kBool, ir::Builtin::likely, {ir::LT(x, x + 1)});
  EXPECT_EQ(Simple(e), "1");
}

TEST_F(AnalyzerTest, BoundsAndModularSets) {
  Bind(x_, -3, 10);
  const ConstIntBound bound = analyzer_.const_int_bound(x * -2 + 1);
  EXPECT_EQ(bound.min_value, -11);
  EXPECT_EQ(bound.max_value, 7);
  EXPECT_EQ(analyzer_.const_int_bound(n).min_value, 0);
  EXPECT_TRUE(analyzer_.const_int_bound(ir::MakeVar("w", ir::kInt64)).is_everything());
  const ModularSet set = analyzer_.modular_set(y * 6 + z * 4 + 1);
  EXPECT_EQ(set.coeff, 2);
  EXPECT_EQ(set.base, 1);
}

TEST(IntSetTest, RegionOfAStencil) {
  ir::Arena arena;
  ir::ArenaScope scope(arena);
  const Var i = ir::MakeVar("i", ir::kInt32);
  const Var k = ir::MakeVar("k", ir::kInt32);
  DomMap domains;
  domains.Set(k, Range{Int32(0), Int32(3)});
  const Range range = EvalSet(Expr(i) * 2 + Expr(k), domains).CoverRange({});
  EXPECT_EQ(ToText(range.min), "(i * 2)");
  EXPECT_EQ(ToText(range.extent), "3");
  // Nothing is known of a product of two relaxed variables.
  domains.Set(i, Range{Int32(0), Int32(4)});
  EXPECT_TRUE(EvalSet(ir::Mul(i, k), domains).IsEverything());
  // All lanes between two multiples keep their order.
  const IntSet rest = EvalSet(FloorMod(Expr(k) + 4, 8), domains);
  EXPECT_EQ(ToText(rest.min()), "4");
  EXPECT_EQ(ToText(rest.max()), "6");
}

TEST(IntSetTest, UnionOfUnorderedPoints) {
  ir::Arena arena;
  ir::ArenaScope scope(arena);
  const Expr p = ir::MakeVar("p", ir::kInt32);
  const Expr q = ir::MakeVar("q", ir::kInt32);
  const IntSet sets[] = {IntSet::SinglePoint(p), IntSet::SinglePoint(q)};
  const Range range = Union(sets).CoverRange({});
  EXPECT_EQ(ToText(range.min), "min(p, q)");
  EXPECT_EQ(ToText(range.extent), "((max(p, q) + 1) - min(p, q))");
  const IntSet same[] = {IntSet::SinglePoint(p), IntSet::SinglePoint(p)};
  EXPECT_TRUE(Union(same).IsSinglePoint());
}

TEST(IntSetTest, LowerBoundOfAUnionLeavesGapsOut) {
  ir::Arena arena;
  ir::ArenaScope scope(arena);
  Analyzer analyzer;
  auto interval = [](int64_t a, int64_t b) { return IntSet::Interval(Int32(a), Int32(b)); };
  const IntSet apart[] = {interval(0, 3), interval(6, 8)};
  EXPECT_EQ(ToText(UnionLowerBound(apart, analyzer).max()), "3");
  const IntSet touching[] = {interval(0, 3), interval(4, 8)};
  EXPECT_EQ(ToText(UnionLowerBound(touching, analyzer).max()), "8");
}

}  // namespace
}  // namespace hone::arith
