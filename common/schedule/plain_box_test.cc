// Boxes against all points that a block touches.
#include "common/schedule/plain_box.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/ir/ops.h"
#include "common/support/random.h"

namespace hone::schedule {
namespace {

using Values = std::map<const ir::VarNode*, int64_t>;
using Point = std::vector<int64_t>;

int64_t Evaluate(ir::Expr e, const Values& values) {
  if (const auto* var = e.as<ir::VarNode>()) return values.at(var);
  if (const int64_t* number = ir::ConstInt(e)) return *number;
  const auto* op = e.as<ir::BinaryNode>();
  const int64_t a = Evaluate(op->a, values);
  const int64_t b = Evaluate(op->b, values);
  switch (op->kind) {
    case ir::ExprKind::kAdd:
      return a + b;
    case ir::ExprKind::kSub:
      return a - b;
    case ir::ExprKind::kMul:
      return a * b;
    case ir::ExprKind::kFloorDiv:
      return ir::FloorDivInt(a, b);
    case ir::ExprKind::kFloorMod:
      return ir::FloorModInt(a, b);
    default:
      ADD_FAILURE() << "an operator that the test does not make";
      return 0;
  }
}

// Calls `f` with all values of the variables added to `values`.
template <typename F>
void ForEachValue(const LoopDomains& domains, size_t at, Values& values, const F& f) {
  if (at == domains.size()) return f();
  for (int64_t v = 0; v < *ir::ConstInt(domains[at].range.extent); ++v) {
    values[domains[at].var.get()] = v;
    ForEachValue(domains, at + 1, values, f);
  }
}

// A block with the iters bound to expressions over loops, some that run and some around, and a region of two
// dimensions.
class PlainBoxTest : public ::testing::Test {
 protected:
  static ir::Expr Int(int64_t value) { return ir::IntImm(ir::DataType::Int(32), value); }

  LoopDomains Loops(const char* name, std::vector<int64_t> extents) {
    LoopDomains out;
    for (size_t i = 0; i < extents.size(); ++i) {
      const ir::Var var = ir::MakeVar(std::string(name) + std::to_string(i), ir::DataType::Int(32));
      out.push_back({var, ir::RangeFromExtent(Int(extents[i]))});
    }
    return out;
  }
  const ir::BlockRealizeNode* Realize(const std::vector<ir::Expr>& bindings, ir::Expr predicate = {}) {
    std::vector<ir::IterVar> iters;
    for (size_t i = 0; i < bindings.size(); ++i) {
      const ir::Var var = ir::MakeVar("v" + std::to_string(i), ir::DataType::Int(32));
      iters.push_back(ir::MakeIterVar(ir::RangeFromExtent(Int(1 << 20)), var, ir::IterType::kSpatial));
    }
    const auto* block = ir::MakeBlock(ir::MakeArray(iters), {}, {}, "b", ir::MakeEvaluate(Int(0)));
    return ir::MakeBlockRealize(ir::MakeArray(bindings), predicate ? predicate : ir::BoolImm(true), block)
        .as<ir::BlockRealizeNode>();
  }
  ir::BufferRegion Region(const std::vector<ir::Range>& ranges) {
    std::vector<ir::Expr> shape(ranges.size(), Int(1 << 20));
    return ir::MakeBufferRegion(ir::MakeBuffer("A", ir::MakeArray(shape), ir::DataType::Float(32)),
                                ir::MakeArray(ranges));
  }

  // What is touched for given values of the variables around.
  static std::set<Point> Touched(const ir::BlockRealizeNode* realize, ir::BufferRegion region,
                                 const LoopDomains& domains, Values values) {
    std::set<Point> out;
    ForEachValue(domains, 0, values, [&] {
      Values with_iters = values;
      for (size_t i = 0; i < realize->iter_values.size(); ++i) {
        with_iters[realize->block->iter_vars[i]->var.get()] = Evaluate(realize->iter_values[i], values);
      }
      std::vector<Point> points = {{}};
      for (const ir::Range& range : region->region) {
        std::vector<Point> longer;
        const int64_t begin = Evaluate(range.min, with_iters);
        for (const Point& point : points) {
          for (int64_t k = 0; k < *ir::ConstInt(range.extent); ++k) {
            longer.push_back(point);
            longer.back().push_back(begin + k);
          }
        }
        points = std::move(longer);
      }
      out.insert(points.begin(), points.end());
    });
    return out;
  }

  static std::set<Point> PointsOf(const PlainBox& box, const Values& values) {
    std::vector<Point> points = {{}};
    for (const PlainSide& side : box) {
      int64_t begin = side.outer.base;
      for (const PlainTerm& term : side.outer.terms) {
        const int64_t v = values.at(term.var);
        begin += (term.upper != 0 ? v % term.upper : v) / term.lower * term.scale;
      }
      std::vector<Point> longer;
      for (const Point& point : points) {
        for (int64_t k = 0; k < side.width; ++k) {
          longer.push_back(point);
          longer.back().push_back(begin + k);
        }
      }
      points = std::move(longer);
    }
    return {points.begin(), points.end()};
  }

  ir::Arena arena_;
  ir::ArenaScope scope_{arena_};
};

TEST_F(PlainBoxTest, ATileIsABoxAtItsOuterLoops) {
  const LoopDomains around = Loops("o", {4});
  const LoopDomains inner = Loops("i", {8});
  const auto* realize = Realize({ir::Add(ir::Mul(around[0].var, Int(8)), inner[0].var)});
  const auto region = Region({{realize->block->iter_vars[0]->var, Int(1)}});
  const auto box = BoxOf(realize, region, inner, around, /*exact=*/true);
  ASSERT_TRUE(box.has_value());
  ASSERT_EQ(box->size(), 1u);
  EXPECT_EQ((*box)[0].width, 8);
  ASSERT_EQ((*box)[0].outer.terms.size(), 1u);
  EXPECT_EQ((*box)[0].outer.terms[0], (PlainTerm{around[0].var.get(), 1, 0, 8}));
}

TEST_F(PlainBoxTest, WithHolesIsNotExact) {
  const LoopDomains inner = Loops("i", {8});
  const auto* realize = Realize({ir::Mul(inner[0].var, Int(2))});
  const auto region = Region({{realize->block->iter_vars[0]->var, Int(1)}});
  EXPECT_FALSE(BoxOf(realize, region, inner, {}, /*exact=*/true).has_value());
  const auto hull = BoxOf(realize, region, inner, {}, /*exact=*/false);
  ASSERT_TRUE(hull.has_value());
  EXPECT_EQ((*hull)[0].width, 15);
}

TEST_F(PlainBoxTest, ADiagonalIsNotExact) {
  const LoopDomains inner = Loops("i", {8});
  const auto* realize = Realize({inner[0].var, inner[0].var});
  const auto& iters = realize->block->iter_vars;
  const auto region = Region({{iters[0]->var, Int(1)}, {iters[1]->var, Int(1)}});
  EXPECT_FALSE(BoxOf(realize, region, inner, {}, /*exact=*/true).has_value());
}

TEST_F(PlainBoxTest, APredicateIsNotExact) {
  const LoopDomains inner = Loops("i", {8});
  const auto* realize = Realize({inner[0].var}, ir::LT(inner[0].var, Int(5)));
  const auto region = Region({{realize->block->iter_vars[0]->var, Int(1)}});
  EXPECT_FALSE(BoxOf(realize, region, inner, {}, /*exact=*/true).has_value());
  EXPECT_TRUE(BoxOf(realize, region, inner, {}, /*exact=*/false).has_value());
}

// HONE_CASES: how many (3000 unless told), HONE_SEED: where they start.
TEST_F(PlainBoxTest, RandomBoxesHoldWhatIsTouched) {
  const char* count_text = std::getenv("HONE_CASES");
  const char* seed_text = std::getenv("HONE_SEED");
  const int count = count_text != nullptr ? std::atoi(count_text) : 3000;
  const uint64_t seed = seed_text != nullptr ? static_cast<uint64_t>(std::atoll(seed_text)) : 1;
  CounterRandom random({seed});
  int exact_boxes = 0, hulls = 0, contained = 0;
  for (int i = 0; i < count; ++i) {
    ir::Arena arena;
    const ir::ArenaScope scope(arena);
    const auto extent = [&] { return int64_t{1} << random.Below(3); };
    const LoopDomains around = Loops("o", {extent(), 3});
    const LoopDomains inner = Loops("i", {extent(), extent(), extent()});
    // A sum of digits of loops, mostly such that they fill their places.
    const auto index = [&](int64_t scale) {
      ir::Expr sum = Int(static_cast<int64_t>(random.Below(3)));
      for (int k = static_cast<int>(random.Below(4)); k > 0; --k) {
        const bool runs = random.Below(3) > 0;
        const arith::IterDomain& loop = runs ? inner[random.Below(3)] : around[random.Below(2)];
        const int64_t all = *ir::ConstInt(loop.range.extent);
        ir::Expr e = loop.var;
        if (random.Below(4) == 0) e = ir::FloorMod(e, Int(2));
        if (random.Below(4) == 0) e = ir::FloorDiv(e, Int(2));
        sum = ir::Add(sum, ir::Mul(e, Int(scale)));
        scale *= random.Below(8) == 0 ? 3 : all;
      }
      if (random.Below(6) == 0) sum = ir::FloorDiv(sum, Int(2 + 2 * static_cast<int64_t>(random.Below(2))));
      if (random.Below(6) == 0) sum = ir::FloorMod(sum, Int(4 << random.Below(2)));
      return sum;
    };
    struct Touch {
      const ir::BlockRealizeNode* realize;
      ir::BufferRegion region;
      std::optional<PlainBox> box;
    };
    std::vector<Touch> touches;
    for (const bool exact : {true, false}) {
      const int64_t widths[] = {int64_t{1} << random.Below(2), 1};
      const auto* realize = Realize({index(widths[0]), index(1)});
      const auto& iters = realize->block->iter_vars;
      const auto region = Region({{iters[0]->var, Int(widths[0])}, {iters[1]->var, Int(widths[1])}});
      touches.push_back({realize, region, BoxOf(realize, region, inner, around, exact)});
      (exact ? exact_boxes : hulls) += touches.back().box.has_value();
    }
    const bool both = touches[0].box.has_value() && touches[1].box.has_value();
    const bool contains = both && Contains(*touches[0].box, *touches[1].box);
    contained += contains;
    Values values;
    ForEachValue(around, 0, values, [&] {
      std::set<Point> touched[2];
      for (int k = 0; k < 2; ++k) {
        touched[k] = Touched(touches[k].realize, touches[k].region, inner, values);
        if (!touches[k].box.has_value()) continue;
        const std::set<Point> points = PointsOf(*touches[k].box, values);
        if (k == 0) {
          EXPECT_EQ(points, touched[k]) << "exact box of case " << i << ", HONE_SEED=" << seed;
        } else {
          EXPECT_TRUE(std::includes(points.begin(), points.end(), touched[k].begin(), touched[k].end()))
              << "hull of case " << i << ", HONE_SEED=" << seed;
        }
      }
      if (contains) {
        EXPECT_TRUE(std::includes(touched[0].begin(), touched[0].end(), touched[1].begin(), touched[1].end()))
            << "case " << i << ", HONE_SEED=" << seed;
      }
    });
    if (HasFailure()) return;
  }
  EXPECT_GT(exact_boxes, count / 20);
  EXPECT_GT(hulls, count / 4);
  EXPECT_GT(contained, 0);
}

}  // namespace
}  // namespace hone::schedule
