// The short way of Simplify through linear expressions gives what the long way gives. HONE_ARITH_SEED picks one case.
#include <gtest/gtest.h>

#include <cstdlib>

#include "common/arith/analyzer.h"
#include "common/arith/testing/evaluate.h"
#include "common/ir/ops.h"
#include "common/support/random.h"

namespace hone::arith {
namespace {

using ir::Expr;
using ir::ExprKind;

// A sum as index expressions of schedules are: loops times literals, nested, in any order, some of extent 1.
Expr RandomSum(CounterRandom& random, const std::vector<ir::Var>& vars, int depth) {
  const uint64_t pick = random.Below(depth > 0 ? 6 : 2);
  if (pick == 0) return ir::Int32(static_cast<int64_t>(random.Below(4)));
  if (pick == 1) return vars[random.Below(vars.size())];
  const Expr a = RandomSum(random, vars, depth - 1);
  if (pick == 2) {
    const Expr literal = ir::Int32(static_cast<int64_t>(random.Below(9)));
    return random.Below(2) != 0 ? ir::MakeBinary(ExprKind::kMul, a, literal)
                                : ir::MakeBinary(ExprKind::kMul, literal, a);
  }
  return ir::MakeBinary(ExprKind::kAdd, a, RandomSum(random, vars, depth - 1));
}

TEST(LinearSimplifyTest, GivesWhatTheLongWayGives) {
  const char* text = std::getenv("HONE_ARITH_SEED");
  const uint64_t first = text != nullptr ? static_cast<uint64_t>(std::atoll(text)) : 0;
  const uint64_t last = text != nullptr ? first + 1 : 20000;
  for (uint64_t seed = first; seed < last; ++seed) {
    ir::Arena arena;
    const ir::ArenaScope scope(arena);
    CounterRandom random({seed});
    Analyzer analyzer;
    std::vector<ir::Var> vars;
    for (int i = 0; i < 5; ++i) {
      vars.push_back(ir::MakeVar(ir::CopyString("v" + std::to_string(i)), ir::kInt32));
      const int64_t extent = random.Below(4) == 0 ? 1 : static_cast<int64_t>(2 + random.Below(30));
      if (random.Below(6) != 0) analyzer.Bind(vars.back(), ir::Range{ir::Int32(0), ir::Int32(extent)});
    }
    const Expr e = RandomSum(random, vars, 5);
    const Expr expected = analyzer.CanonicalSimplify(analyzer.RewriteSimplify(analyzer.CanonicalSimplify(e)));
    const Expr simple = analyzer.Simplify(e);
    ASSERT_EQ(testing::ToText(simple), testing::ToText(expected))
        << "from " << testing::ToText(e) << ", HONE_ARITH_SEED=" << seed;
    ASSERT_EQ(analyzer.Simplify(simple), simple) << "HONE_ARITH_SEED=" << seed;
  }
}

}  // namespace
}  // namespace hone::arith
