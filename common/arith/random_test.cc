// Random expressions keep their meaning under simplification, and bounds, modular sets and interval sets hold every
// value. HONE_ARITH_SEED picks one case, HONE_ARITH_CASES how many are tried in each test.
#include <gtest/gtest.h>

#include <cstdlib>

#include "common/arith/analyzer.h"
#include "common/arith/testing/random_expr.h"
#include "common/ir/ops.h"

namespace hone::arith {
namespace {

using ir::Expr;
using testing::Environment;
using testing::Evaluate;
using testing::EvaluateSmall;
using testing::RandomExpr;
using testing::RandomVar;
using testing::ToText;

int64_t FromEnvironment(const char* name, int64_t fallback) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::atoll(text) : fallback;
}

std::string Describe(const RandomExpr& random, const Environment& values) {
  std::string out;
  for (size_t i = 0; i < values.size(); ++i) {
    const RandomVar& v = random.vars()[i];
    out += std::string(v.var.name()) + " in [" + std::to_string(v.min) + ", " + std::to_string(v.min + v.extent) +
           ") = " + std::to_string(values[i].second) + "; ";
  }
  return out;
}

// Runs `body(seed, random)` for many seeds, each in an arena of its own.
template <typename F>
void ForSeeds(int64_t cases, F&& body) {
  const int64_t only = FromEnvironment("HONE_ARITH_SEED", -1);
  ir::Arena arena;
  for (int64_t seed = only >= 0 ? only : 0; seed < (only >= 0 ? only + 1 : cases); ++seed) {
    arena.Reset();
    ir::ArenaScope scope(arena);
    CounterRandom random({static_cast<uint64_t>(seed)});
    body(seed, random);
    if (::testing::Test::HasFailure()) {
      FAIL() << "HONE_ARITH_SEED=" << seed;
    }
  }
}

int64_t Cases(int64_t fallback) { return FromEnvironment("HONE_ARITH_CASES", fallback); }

// Binds some of the variables to their ranges; the others stay unknown.
void BindSome(Analyzer& analyzer, const RandomExpr& exprs, CounterRandom& random) {
  for (const RandomVar& v : exprs.vars()) {
    if (random.Below(5) != 0) analyzer.Bind(v.var, ir::Range{ir::Int32(v.min), ir::Int32(v.extent)});
  }
}

enum class How { kSimplify, kRewrite, kCanonical };

// `may_overflow`: the literals are so large that multiplying out overflows; such values are passed over.
void CheckSame(RandomExpr& exprs, Expr before, Expr after, Expr condition = {}, int lanes = 1,
               bool may_overflow = false) {
  ASSERT_EQ(before.dtype(), after.dtype()) << ToText(before) << " => " << ToText(after);
  for (int i = 0; i < 24; ++i) {
    const Environment values = exprs.Sample();
    if (condition && Evaluate(condition, values) != 1) continue;
    for (int lane = 0; lane < lanes; ++lane) {
      if (condition && !EvaluateSmall(condition, values)) continue;
      const auto expected = EvaluateSmall(before, values, lane);
      if (!expected || (may_overflow && !Evaluate(after, values, lane))) continue;
      ASSERT_EQ(Evaluate(after, values, lane).value_or(-987654321), *expected)
          << ToText(before) << " => " << ToText(after) << " at " << Describe(exprs, values)
          << (condition ? "given " + ToText(condition) : "");
    }
  }
}

TEST(RandomTest, IntegersKeepTheirValue) {
  ForSeeds(Cases(60000), [](int64_t seed, CounterRandom& random) {
    RandomExpr exprs(random, 3);
    Analyzer analyzer;
    BindSome(analyzer, exprs, random);
    const Expr e = exprs.Int(2 + seed % 4);
    CheckSame(exprs, e, analyzer.Simplify(e));
    CheckSame(exprs, e, analyzer.RewriteSimplify(e));
    CheckSame(exprs, e, analyzer.CanonicalSimplify(e));
  });
}

TEST(RandomTest, ConditionsKeepTheirValue) {
  ForSeeds(Cases(40000), [](int64_t seed, CounterRandom& random) {
    RandomExpr exprs(random, 3);
    Analyzer analyzer;
    BindSome(analyzer, exprs, random);
    const Expr e = exprs.Bool(2 + seed % 3);
    CheckSame(exprs, e, analyzer.Simplify(e));
    CheckSame(exprs, e, analyzer.RewriteSimplify(e));
    CheckSame(exprs, e, analyzer.CanonicalSimplify(e));
  });
}

// Literals at the limits of int32 neither trap nor give another value where nothing overflows.
TEST(RandomTest, ExtremeLiteralsKeepTheValue) {
  ForSeeds(Cases(30000), [](int64_t seed, CounterRandom& random) {
    RandomExpr exprs(random, 3);
    exprs.UseExtremeLiterals();
    Analyzer analyzer;
    BindSome(analyzer, exprs, random);
    const Expr e = seed % 2 == 0 ? exprs.Int(2 + seed % 3) : exprs.Bool(3);
    CheckSame(exprs, e, analyzer.Simplify(e), {}, 1, /*may_overflow=*/true);
    analyzer.const_int_bound(e);
    analyzer.modular_set(e);
    analyzer.int_set(e);
    // As int64 the same literals are harmless, but their products may not fit.
    Expr wide = ir::Cast(ir::kInt64, e);
    for (int i = 0; i < 3; ++i) {
      wide = ir::Binary(
          static_cast<ir::ExprKind>(static_cast<int>(ir::ExprKind::kAdd) + random.Below(9)), wide,
          ir::IntImm(ir::kInt64, random.Below(2) == 0 ? INT64_MIN + random.Below(2) : INT64_MAX - random.Below(2)));
    }
    CheckSame(exprs, wide, analyzer.Simplify(wide), {}, 1, /*may_overflow=*/true);
    analyzer.const_int_bound(wide);
    analyzer.modular_set(wide);
    analyzer.int_set(wide);
  });
}

TEST(RandomTest, IndicesOfSchedulesKeepTheirValue) {
  ForSeeds(Cases(40000), [](int64_t, CounterRandom& random) {
    RandomExpr exprs(random, 4);
    Analyzer analyzer;
    BindSome(analyzer, exprs, random);
    const Expr e = exprs.Index();
    const Expr simple = analyzer.Simplify(e);
    CheckSame(exprs, e, simple);
    const Expr bound = ir::MakeBinary(random.Below(2) == 0 ? ir::ExprKind::kLT : ir::ExprKind::kLE, e, exprs.Index());
    CheckSame(exprs, bound, analyzer.Simplify(bound));
  });
}

TEST(RandomTest, VectorsKeepTheirLanes) {
  ForSeeds(Cases(20000), [](int64_t seed, CounterRandom& random) {
    RandomExpr exprs(random, 2);
    Analyzer analyzer;
    BindSome(analyzer, exprs, random);
    const Expr e = exprs.Vector(1 + seed % 3);
    CheckSame(exprs, e, analyzer.Simplify(e), {}, 4);
  });
}

TEST(RandomTest, ConstraintsAreUsedRightly) {
  ForSeeds(Cases(40000), [](int64_t seed, CounterRandom& random) {
    RandomExpr exprs(random, 3);
    Analyzer analyzer;
    BindSome(analyzer, exprs, random);
    const Expr condition = exprs.Bool(2);
    const Expr inner = exprs.Bool(1);
    const Expr e = seed % 2 == 0 ? exprs.Int(3) : exprs.Bool(2);
    {
      ConstraintScope outer(analyzer, condition);
      {
        ConstraintScope scope(analyzer, inner);
        CheckSame(exprs, e, analyzer.Simplify(e), ir::And(condition, inner));
      }
      CheckSame(exprs, e, analyzer.Simplify(e), condition);
    }
    CheckSame(exprs, e, analyzer.Simplify(e));
  });
}

TEST(RandomTest, BoundsAndModularSetsHoldEveryValue) {
  ForSeeds(Cases(60000), [](int64_t seed, CounterRandom& random) {
    RandomExpr exprs(random, 3);
    Analyzer analyzer;
    BindSome(analyzer, exprs, random);
    const Expr e = seed % 3 == 0 ? exprs.Index() : exprs.Int(1 + seed % 4);
    const ConstIntBound bound = analyzer.const_int_bound(e);
    const ModularSet modular = analyzer.modular_set(e);
    for (int i = 0; i < 24; ++i) {
      const Environment values = exprs.Sample();
      const auto value = EvaluateSmall(e, values);
      if (!value) continue;
      ASSERT_TRUE(bound.min_value <= *value && *value <= bound.max_value)
          << ToText(e) << " = " << *value << " in [" << bound.min_value << ", " << bound.max_value << "] at "
          << Describe(exprs, values);
      ASSERT_TRUE(modular.coeff == 0 ? *value == modular.base : ir::FloorModInt(*value, modular.coeff) == modular.base)
          << ToText(e) << " = " << *value << " is " << modular.base << " mod " << modular.coeff << " at "
          << Describe(exprs, values);
    }
  });
}

TEST(RandomTest, IntervalSetsHoldEveryValue) {
  ForSeeds(Cases(60000), [](int64_t seed, CounterRandom& random) {
    RandomExpr exprs(random, 3);
    const Expr e = seed % 3 == 0 ? exprs.Index() : exprs.Int(1 + seed % 4);
    Analyzer analyzer;
    DomMap domains;
    for (size_t i = 0; i < exprs.vars().size(); ++i) {
      const RandomVar& v = exprs.vars()[i];
      const ir::Range range{ir::Int32(v.min), ir::Int32(v.extent)};
      if (random.Below(2) == 0) {
        domains.Set(v.var, range);
      } else {
        analyzer.Bind(v.var, range);
      }
    }
    const IntSet set = EvalSet(e, domains, analyzer);
    const IntSet all = analyzer.int_set(e);
    for (int i = 0; i < 24; ++i) {
      const Environment values = exprs.Sample();
      const auto value = EvaluateSmall(e, values);
      if (!value) continue;
      // The ends may not mention what was relaxed: they hold at any value of it.
      Environment others = exprs.Sample();
      for (size_t k = 0; k < others.size(); ++k) {
        if (!domains.Contains(others[k].first)) others[k].second = values[k].second;
      }
      ASSERT_FALSE(set.IsNothing());
      const auto low = set.min() ? Evaluate(set.min(), others) : *value;
      const auto high = set.max() ? Evaluate(set.max(), others) : *value;
      ASSERT_TRUE((!low || *low <= *value) && (!high || *value <= *high))
          << ToText(e) << " = " << *value << " in [" << ToText(set.min()) << ", " << ToText(set.max()) << "] at "
          << Describe(exprs, values);
      const auto least = all.min() ? Evaluate(all.min(), values) : *value;
      const auto most = all.max() ? Evaluate(all.max(), values) : *value;
      ASSERT_TRUE((!least || *least <= *value) && (!most || *value <= *most))
          << ToText(e) << " = " << *value << " in [" << ToText(all.min()) << ", " << ToText(all.max()) << "] at "
          << Describe(exprs, values);
    }
  });
}

// x in [y, y + z) and w = an expression of y and z: ranges with symbolic ends, and values.
TEST(RandomTest, SymbolicRangesAndValuesAreUsedRightly) {
  ForSeeds(Cases(40000), [](int64_t seed, CounterRandom& random) {
    RandomExpr exprs(random, 4);
    const auto& vars = exprs.vars();
    const Expr min = random.Below(2) == 0 ? Expr(vars[1].var) : Expr(ir::Int32(0));
    const Expr extent =
        random.Below(3) == 0 ? ir::Add(ir::Mul(vars[2].var, ir::Int32(4)), ir::Int32(1)) : Expr(vars[2].var);
    const Expr value = ir::Add(ir::Mul(vars[1].var, ir::Int32(random.Between(-3, 8))), vars[2].var);
    Analyzer analyzer;
    if (random.Below(2) == 0) analyzer.Bind(vars[1].var, ir::Range{ir::Int32(vars[1].min), ir::Int32(vars[1].extent)});
    analyzer.Bind(vars[0].var, ir::Range{min, extent});
    analyzer.Bind(vars[3].var, value);
    const Expr e = seed % 3 == 0 ? exprs.Bool(3) : seed % 3 == 1 ? exprs.Int(3) : exprs.Index();
    const Expr simple = analyzer.Simplify(e);
    const Expr condition = exprs.Bool(1);
    const bool proved = analyzer.CanProve(condition, ProofStrength::kSymbolicBound);
    const IntSet set = analyzer.int_set(e);
    const ConstIntBound bound = analyzer.const_int_bound(e);
    for (int i = 0; i < 24; ++i) {
      Environment values = exprs.Sample();
      const auto low = Evaluate(min, values);
      const auto count = Evaluate(extent, values);
      if (*count <= 0) continue;
      values[0].second = *low + static_cast<int64_t>(random.Below(*count));
      values[3].second = *Evaluate(value, values);
      ASSERT_TRUE(!proved || EvaluateSmall(condition, values).value_or(1) == 1)
          << ToText(condition) << " at " << Describe(exprs, values);
      const auto expected = EvaluateSmall(e, values);
      if (!expected) continue;
      const std::string where = ToText(e) + " = " + std::to_string(*expected) + " at " + Describe(exprs, values) +
                                " x in [" + ToText(min) + ", + " + ToText(extent) + "), w = " + ToText(value);
      ASSERT_EQ(Evaluate(simple, values).value_or(-987654321), *expected) << ToText(simple) << " for " << where;
      ASSERT_TRUE(bound.min_value <= *expected && *expected <= bound.max_value) << where;
      const auto least = set.min() ? Evaluate(set.min(), values) : *expected;
      const auto most = set.max() ? Evaluate(set.max(), values) : *expected;
      ASSERT_TRUE((!least || *least <= *expected) && (!most || *expected <= *most))
          << "[" << ToText(set.min()) << ", " << ToText(set.max()) << "] for " << where;
    }
  });
}

TEST(RandomTest, ProofsAreTrue) {
  ForSeeds(Cases(40000), [](int64_t seed, CounterRandom& random) {
    RandomExpr exprs(random, 3);
    Analyzer analyzer;
    BindSome(analyzer, exprs, random);
    const Expr a = seed % 2 == 0 ? exprs.Index() : exprs.Int(2);
    const Expr b = seed % 3 == 0 ? exprs.Int(1) : exprs.Index();
    const Expr condition =
        ir::MakeBinary(static_cast<ir::ExprKind>(static_cast<int>(ir::ExprKind::kEQ) + random.Below(6)), a, b);
    const bool proved = analyzer.CanProve(condition, ProofStrength::kSymbolicBound);
    const CompareResult order = analyzer.Compare(a, b);
    const bool equal = analyzer.CanProveEqual(a, b);
    for (int i = 0; i < 24; ++i) {
      const Environment values = exprs.Sample();
      const auto x = EvaluateSmall(a, values);
      const auto y = EvaluateSmall(b, values);
      if (!x || !y) continue;
      ASSERT_TRUE(!proved || Evaluate(condition, values) == 1)
          << ToText(condition) << " at " << Describe(exprs, values);
      ASSERT_TRUE(!equal || *x == *y) << ToText(a) << " == " << ToText(b) << " at " << Describe(exprs, values);
      const int outcome = *x < *y ? 1 : *x == *y ? 2 : 4;
      ASSERT_TRUE((static_cast<int>(order) & outcome) != 0)
          << ToText(a) << " vs " << ToText(b) << " at " << Describe(exprs, values);
    }
  });
}

}  // namespace
}  // namespace hone::arith
