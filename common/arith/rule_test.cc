// Every rule of the simplifiers, the bounds and the sets fires in an evaluation that is checked. The rules are those
// that the sources name (rule_log.h); their names are patterns, from which expressions are made that they match,
// besides random ones. HONE_LONG_TESTS=1 tries a hundred times as many. HONE_ARITH_RULE=NAME shows where one rule
// fires.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <sstream>

#include "common/arith/analyzer.h"
#include "common/arith/rule_log.h"
#include "common/arith/testing/random_expr.h"
#include "common/arith/testing/rule_pattern.h"
#include "common/ir/ops.h"

namespace hone::arith {
namespace {

using ir::Expr;
using ir::ExprKind;
using ir::Int32;
using testing::Environment;
using testing::Evaluate;
using testing::EvaluateSmall;
using testing::RandomExpr;
using testing::RandomVar;
using testing::RulePattern;
using testing::ToText;

bool IsLong() { return std::getenv("HONE_LONG_TESTS") != nullptr; }

// The names in the sources beside this test.
std::set<std::string> RulesOfSources() {
  std::set<std::string> out;
  const std::regex use("(?:Fired|NoteRule)\\(\\s*\"([^\"]*)\"");
  for (const char* file : {"canonical_simplify", "canonical_terms", "const_int_bound", "interval_eval", "modular_set",
                           "rewrite_add_sub", "rewrite_compare", "rewrite_logic", "rewrite_min_max", "rewrite_mul_div",
                           "rewrite_simplify", "rewrite_vector"}) {
    std::ifstream in("common/arith/" + std::string(file) + ".cc");
    EXPECT_TRUE(in.good()) << file;
    std::stringstream text;
    text << in.rdbuf();
    const std::string source = text.str();
    for (std::sregex_iterator it(source.begin(), source.end(), use), end; it != end; ++it) {
      EXPECT_TRUE(out.insert((*it)[1]).second) << "two rules are called " << (*it)[1];
    }
  }
  return out;
}

// Simplifies, checks values, and remembers which rules took part.
class Checker {
 public:
  // Some of the variables are bound to their ranges, and a condition may be known to hold.
  void Check(RandomExpr& exprs, CounterRandom& random, Expr e, Expr condition = {}) {
    Analyzer analyzer;
    for (const RandomVar& v : exprs.vars()) {
      if (random.Below(4) != 0) analyzer.Bind(v.var, ir::Range{Int32(v.min), Int32(v.extent)});
    }
    std::vector<Environment> points;
    for (int i = 0; i < 16; ++i) {
      Environment values = exprs.Sample();
      if (!condition || EvaluateSmall(condition, values).value_or(0) != 0) points.push_back(std::move(values));
    }
    std::optional<ConstraintScope> scope;
    if (condition) scope.emplace(analyzer, condition);
    CheckSame(points, e, [&] { return analyzer.Simplify(e); });
    CheckSame(points, e, [&] { return analyzer.RewriteSimplify(e); });
    CheckSame(points, e, [&] { return analyzer.CanonicalSimplify(e); });
    if (!e.dtype().is_int() || e.dtype().is_bool()) return;
    CheckBound(points, e, analyzer);
    CheckModularSet(points, e, analyzer);
    CheckSet(points, e, analyzer, exprs, random);
  }

  const std::map<std::string, int64_t>& checked() const { return checked_; }
  void Count(std::string_view rule) { ++checked_[std::string(rule)]; }

 private:
  // Counts what fired in `log` as checked.
  void Count(const RuleLog& log, Expr e) {
    static const char* const wanted = std::getenv("HONE_ARITH_RULE");
    for (const std::string_view rule : log.used()) {
      Count(rule);
      if (wanted != nullptr && rule == wanted) std::printf("%s: %s\n", wanted, ToText(e).c_str());
    }
  }

  template <typename F>
  void CheckSame(const std::vector<Environment>& points, Expr e, F&& simplify) {
    Expr simple;
    RuleLog log;
    simple = simplify();
    ASSERT_EQ(e.dtype(), simple.dtype()) << ToText(e) << " => " << ToText(simple);
    const int lanes = e.dtype().is_vector() ? 4 : 1;
    bool compared = false;
    for (const Environment& values : points) {
      for (int lane = 0; lane < lanes; ++lane) {
        const auto expected = EvaluateSmall(e, values, lane);
        if (!expected) continue;
        ASSERT_EQ(Evaluate(simple, values, lane).value_or(-987654321), *expected)
            << ToText(e) << " => " << ToText(simple);
        compared = true;
      }
    }
    if (compared) Count(log, e);
  }

  void CheckBound(const std::vector<Environment>& points, Expr e, Analyzer& analyzer) {
    const int lanes = e.dtype().is_vector() ? 4 : 1;
    RuleLog log;
    const ConstIntBound bound = analyzer.const_int_bound(e);
    bool compared = false;
    for (const Environment& values : points) {
      for (int lane = 0; lane < lanes; ++lane) {
        const auto value = EvaluateSmall(e, values, lane);
        if (!value) continue;
        ASSERT_TRUE(bound.min_value <= *value && *value <= bound.max_value) << ToText(e);
        compared = true;
      }
    }
    if (compared) Count(log, e);
  }

  void CheckModularSet(const std::vector<Environment>& points, Expr e, Analyzer& analyzer) {
    if (e.dtype().is_vector()) return;
    RuleLog log;
    const ModularSet set = analyzer.modular_set(e);
    bool compared = false;
    for (const Environment& values : points) {
      const auto value = EvaluateSmall(e, values);
      if (!value) continue;
      ASSERT_TRUE(set.coeff == 0 ? *value == set.base : ir::FloorModInt(*value, set.coeff) == set.base) << ToText(e);
      compared = true;
    }
    if (compared) Count(log, e);
  }

  void CheckSet(const std::vector<Environment>& points, Expr e, Analyzer& analyzer, const RandomExpr& exprs,
                CounterRandom& random) {
    DomMap domains;
    for (const RandomVar& v : exprs.vars()) {
      if (random.Below(3) != 0) domains.Set(v.var, ir::Range{Int32(v.min), Int32(v.extent)});
    }
    const int lanes = e.dtype().is_vector() ? 4 : 1;
    RuleLog log;
    const IntSet set = EvalSet(e, domains, analyzer);
    bool compared = false;
    for (const Environment& values : points) {
      for (int lane = 0; lane < lanes; ++lane) {
        const auto value = EvaluateSmall(e, values, lane);
        if (!value) continue;
        const auto low = set.min() ? Evaluate(set.min(), values) : *value;
        const auto high = set.max() ? Evaluate(set.max(), values) : *value;
        ASSERT_TRUE((!low || *low <= *value) && (!high || *value <= *high))
            << ToText(e) << " in [" << ToText(set.min()) << ", " << ToText(set.max()) << "]";
        compared = true;
      }
    }
    if (compared) Count(log, e);
  }

  std::map<std::string, int64_t> checked_;
};

// Forms that neither patterns nor random expressions give.
std::vector<Expr> SpecialForms(RandomExpr& exprs, CounterRandom& random) {
  // Drawn one after the other: the order in which arguments are evaluated is the compiler's.
  const Expr x = exprs.vars()[random.Below(4)].var;
  const Expr y = exprs.vars()[random.Below(4)].var;
  const Expr p = exprs.Int(1);
  const Expr q = exprs.Int(1);
  const Expr sum = exprs.Index();
  const Expr condition = exprs.Bool(1);
  const Expr small = Int32(random.Between(-9, 30));
  const Expr shift = Int32(random.Between(0, 6));
  const Expr factor = Int32(random.Between(1, 99));
  const Expr power = Int32(int64_t{4} << random.Below(3));
  const int64_t stride = random.Between(-2, 4);
  const int64_t power_of_two = int64_t{1} << random.Below(5);
  const auto call = [](ir::Builtin op, Expr a, Expr b) { return ir::MakeCall(ir::kInt32, op, {a, b}); };
  const auto ramp = [](Expr base, int64_t step) { return ir::MakeRamp(base, Int32(step), 4); };
  const auto broadcast = [](Expr value) { return ir::MakeBroadcast(value, 4); };
  const auto binary = [](ExprKind kind, Expr a, Expr b) { return ir::MakeBinary(kind, a, b); };
  const auto wide = [](Expr e) { return ir::MakeCast(ir::kInt64, e); };
  const auto likely = [](Expr e) { return ir::MakeCall(e.dtype(), ir::Builtin::likely, {e}); };
  const ir::Var let = ir::MakeVar("t", ir::kInt32);
  const Expr wide_factor = ir::IntImm(ir::kInt64, int64_t{1} << random.Below(40));
  const Expr offset = Int32(random.Between(0, 4));
  const Expr divisor = Int32(int64_t{1} << random.Below(5));

  std::vector<Expr> out;
  for (const ir::Builtin op : {ir::Builtin::shift_left, ir::Builtin::shift_right, ir::Builtin::bitwise_and,
                               ir::Builtin::bitwise_or, ir::Builtin::bitwise_xor}) {
    out.insert(out.end(), {call(op, small, shift), call(op, x, shift), call(op, ir::Mul(x, factor), shift),
                           call(op, p, ir::FloorMod(x, Int32(5))), call(op, ir::FloorMod(x, Int32(5)), p)});
  }
  for (const Expr& value : {small, x, p}) out.push_back(ir::MakeLet(let, value, ir::Add(ir::Mul(let, factor), y)));
  out.push_back(likely(binary(ExprKind::kAdd, shift, offset)));
  out.push_back(likely(x));
  out.push_back(ir::Add(likely(p), y));
  for (const ExprKind kind : {ExprKind::kAdd, ExprKind::kSub, ExprKind::kMul}) {
    out.push_back(binary(kind, ramp(x, stride), ramp(p, 2)));
    out.push_back(binary(kind, ramp(x, stride), broadcast(p)));
    out.push_back(binary(kind, broadcast(p), ramp(x, stride)));
    out.push_back(binary(kind, broadcast(p), broadcast(q)));
  }
  for (const ExprKind kind : {ExprKind::kFloorDiv, ExprKind::kFloorMod, ExprKind::kDiv, ExprKind::kMod}) {
    out.push_back(binary(kind, ramp(x, power_of_two), broadcast(divisor)));
    out.push_back(binary(kind, ramp(ir::Mul(x, power), 1), broadcast(divisor)));
    out.push_back(binary(kind, ramp(ir::Add(ir::Mul(x, Int32(8)), offset), 1), broadcast(divisor)));
  }
  for (const ExprKind kind : {ExprKind::kMin, ExprKind::kMax}) {
    out.push_back(binary(kind, binary(kind, ramp(x, 1), broadcast(p)), broadcast(q)));
  }
  for (const ExprKind kind :
       {ExprKind::kLT, ExprKind::kLE, ExprKind::kGT, ExprKind::kGE, ExprKind::kEQ, ExprKind::kNE}) {
    out.push_back(binary(kind, ramp(p, 2), ramp(q, 2)));
  }
  out.push_back(ir::MakeNot(broadcast(condition)));
  out.push_back(ir::MakeNot(condition));
  out.push_back(ir::MakeNot(ir::MakeNot(condition)));
  out.push_back(ir::MakeNot(binary(ExprKind::kLT, x, x)));
  out.push_back(ir::MakeNot(binary(ExprKind::kAnd, condition, binary(ExprKind::kLT, x, y))));
  out.push_back(ir::MakeNot(ir::MakeCast(ir::kBool, x)));
  out.push_back(ir::MakeCast(ir::kInt32, condition));
  // x // 4 * 3 in pieces, whose sum is found late.
  const auto div = [&](int64_t c) { return ir::MakeBinary(ExprKind::kFloorDiv, x, Int32(c)); };
  const Expr rest = ir::MakeBinary(ExprKind::kFloorDiv, ir::FloorMod(x, Int32(8)), Int32(4));
  const Expr pieces = ir::Add(ir::Add(ir::Mul(div(8), Int32(2)), rest), ir::Mul(div(4), Int32(2)));
  out.push_back(ir::FloorDiv(pieces, Int32(3)));
  out.push_back(ir::FloorMod(pieces, Int32(3)));
  out.push_back(ir::MakeRamp(p, ir::MakeBinary(ExprKind::kSub, x, x), 4));
  out.push_back(ramp(p, stride));
  out.push_back(wide(sum));
  out.push_back(ir::MakeCast(ir::kInt32, ir::Add(wide(sum), wide(y))));
  out.push_back(ir::MakeCast(ir::kInt32, ir::Mul(wide(sum), wide_factor)));
  out.push_back(ir::MakeCast(ir::DataType::Int(8), ir::Mul(sum, factor)));
  return out;
}

// What is known while an expression is simplified: often nothing, or the order of two variables.
Expr Condition(RandomExpr& exprs, CounterRandom& random) {
  const uint64_t way = random.Below(4);
  if (way >= 2) return {};
  if (way == 1) return exprs.Bool(1);
  const auto kind = static_cast<ExprKind>(static_cast<int>(ExprKind::kEQ) + random.Below(6));
  const Expr a = exprs.vars()[random.Below(exprs.vars().size())].var;
  return ir::MakeBinary(kind, a, exprs.vars()[random.Below(exprs.vars().size())].var);
}

class RuleTest : public ::testing::Test {
 protected:
  // Runs `body(random, exprs)` for `cases` seeds, each in an arena of its own.
  template <typename F>
  void ForSeeds(int64_t cases, F&& body) {
    for (int64_t seed = 0; seed < cases && !HasFailure(); ++seed) {
      arena_.Reset();
      const ir::ArenaScope scope(arena_);
      CounterRandom random({0x7e57, static_cast<uint64_t>(seed)});
      RandomExpr exprs(random, 4);
      body(random, exprs);
      if (HasFailure()) ADD_FAILURE() << "seed " << seed;
    }
  }

  void CheckSizeVariable() {
    const ir::ArenaScope scope(arena_);
    const ir::Var n = ir::MakeSizeVar("n", ir::kInt32);
    Analyzer analyzer;
    RuleLog log;
    const ConstIntBound bound = analyzer.const_int_bound(ir::Mul(n, Int32(3)));
    for (int64_t value = 0; value < 10; ++value) {
      EXPECT_TRUE(bound.min_value <= 3 * value && 3 * value <= bound.max_value);
    }
    EXPECT_EQ(bound.min_value, 0);
    for (const std::string_view rule : log.used()) checker_.Count(rule);
  }

  // The only rule about floats: a quotient becomes a product with the rounded reciprocal.
  void CheckFloatQuotient() {
    const ir::ArenaScope scope(arena_);
    const ir::Var x = ir::MakeVar("x", ir::kFloat32);
    for (const double divisor : {4.0, -0.5, 3.0, 1e-3}) {
      Analyzer analyzer;
      RuleLog log;
      const Expr quotient = ir::MakeBinary(ExprKind::kDiv, x, ir::FloatImm(ir::kFloat32, divisor));
      const Expr simple = analyzer.RewriteSimplify(quotient);
      const auto* product = simple.kind() == ExprKind::kMul ? simple.as<ir::BinaryNode>() : nullptr;
      ASSERT_NE(product, nullptr) << ToText(simple);
      const auto* factor = product->b.as<ir::FloatImmNode>();
      ASSERT_TRUE(factor != nullptr && product->a == Expr(x));
      for (const float value : {0.0f, 1.5f, -7.25f, 1e6f}) {
        const float expected = value / static_cast<float>(divisor);
        EXPECT_NEAR(value * static_cast<float>(factor->value), expected, 1e-6 * std::abs(expected));
      }
      for (const std::string_view rule : log.used()) checker_.Count(rule);
    }
  }

  ir::Arena arena_;
  Checker checker_;
};

TEST_F(RuleTest, EveryRuleIsCheckedByEvaluation) {
  const std::set<std::string> rules = RulesOfSources();
  ASSERT_GT(rules.size(), 300u);
  const int64_t effort = IsLong() ? 100 : 1;
  std::vector<RulePattern> patterns;
  for (const std::string& rule : rules) {
    if (std::optional<RulePattern> pattern = RulePattern::Parse(rule)) patterns.push_back(*std::move(pattern));
  }
  EXPECT_GT(patterns.size(), 200u);
  ForSeeds(60 * effort, [&](CounterRandom& random, RandomExpr& exprs) {
    for (const RulePattern& pattern : patterns) {
      const Expr e = pattern.Make(exprs, random);
      checker_.Check(exprs, random, e, Condition(exprs, random));
    }
  });
  ForSeeds(100 * effort, [&](CounterRandom& random, RandomExpr& exprs) {
    for (const Expr e : SpecialForms(exprs, random)) {
      checker_.Check(exprs, random, e);
      // Known to hold, it is simply true.
      if (e.dtype().is_bool() && e.dtype().is_scalar()) checker_.Check(exprs, random, e, e);
    }
  });
  ForSeeds(4000 * effort, [&](CounterRandom& random, RandomExpr& exprs) {
    const Expr condition = random.Below(2) == 0 ? exprs.Bool(1) : Expr();
    checker_.Check(exprs, random, random.Below(3) == 0 ? exprs.Index() : exprs.Int(3), condition);
    checker_.Check(exprs, random, exprs.Bool(3), condition);
  });
  CheckSizeVariable();
  CheckFloatQuotient();
  int64_t times = 0;
  std::string missing;
  for (const std::string& rule : rules) {
    const auto it = checker_.checked().find(rule);
    if (it == checker_.checked().end()) missing += "  " + rule + "\n";
    times += it == checker_.checked().end() ? 0 : it->second;
  }
  std::printf("%zu rules, used %lld times in checked evaluations\n", rules.size(), static_cast<long long>(times));
  EXPECT_EQ(missing, "") << "rules that fired in no checked evaluation";
  for (const auto& [rule, count] : checker_.checked()) EXPECT_TRUE(rules.contains(rule)) << rule;
}

}  // namespace
}  // namespace hone::arith
