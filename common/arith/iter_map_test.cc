#include "common/arith/iter_map.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "common/arith/eval_for_test.h"
#include "common/arith/index_map.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/support/random.h"

namespace hone::arith {
namespace {

using ir::Expr;
using ir::FloorDiv;
using ir::FloorMod;
using ir::Int32;
using ir::Var;
using testing::Eval;
using testing::ForEachPoint;
using testing::Point;

class IterMapTest : public ::testing::Test {
 protected:
  Var Iter(const char* name, int64_t extent, int64_t min = 0) {
    const Var var = ir::MakeVar(name, ir::kInt32);
    iters_.push_back({var, {Int32(min), Int32(extent)}});
    analyzer_.Bind(var, iters_.back().range);
    return var;
  }
  IterMapResult Detect(std::vector<Expr> indices, IterMapLevel level, Expr predicate = ir::BoolImm(true)) {
    return DetectIterMap(indices, iters_, predicate, level, analyzer_);
  }
  // Every sum has the value of its index at every point.
  void ExpectSameValues(absl::Span<const Expr> indices, const IterMapResult& map, Expr predicate) {
    for (size_t i = 0; i < indices.size(); ++i) {
      const Expr normal = NormalizeIterMapToExpr(map.indices[i], analyzer_);
      ForEachPoint(iters_, [&](const Point& point) {
        if (Eval(predicate, point) == 0) return;
        ASSERT_EQ(Eval(indices[i], point), Eval(normal, point));
      });
    }
  }
  std::string Describe(absl::Span<const Expr> indices, Expr predicate) {
    std::string out;
    for (const IterDomain& iter : iters_) {
      out += " " + std::string(iter.var.name()) + " in " + testing::Text(iter.range.min) + "+" +
             testing::Text(iter.range.extent);
    }
    for (Expr index : indices) out += " | " + testing::Text(index);
    return out + " | where " + testing::Text(predicate);
  }
  // The set of index tuples over the points where the predicate holds.
  std::map<std::vector<int64_t>, int> Image(absl::Span<const Expr> indices, Expr predicate) {
    std::map<std::vector<int64_t>, int> image;
    ForEachPoint(iters_, [&](const Point& point) {
      if (Eval(predicate, point) == 0) return;
      std::vector<int64_t> tuple;
      for (Expr index : indices) tuple.push_back(Eval(index, point));
      ++image[tuple];
    });
    return image;
  }
  // The product of the values that each sum can have.
  std::set<std::vector<int64_t>> Box(const IterMapResult& map) {
    std::set<std::vector<int64_t>> box = {{}};
    for (const IterSum& sum : map.indices) {
      std::set<std::vector<int64_t>> wider;
      const int64_t base = *ir::ConstInt(analyzer_.Simplify(sum.base));
      int64_t extent = 1, scale = 1;
      if (!sum.args.empty()) {
        extent = *ir::ConstInt(analyzer_.Simplify(sum.args[0].extent));
        scale = *ir::ConstInt(analyzer_.Simplify(sum.args[0].scale));
      }
      for (const auto& tuple : box) {
        for (int64_t i = 0; i < extent; ++i) {
          auto longer = tuple;
          longer.push_back(base + i * scale);
          wider.insert(longer);
        }
      }
      box = std::move(wider);
    }
    return box;
  }

  ir::Arena arena_;
  ir::ArenaScope scope_{arena_};
  Analyzer analyzer_;
  std::vector<IterDomain> iters_;
};

TEST_F(IterMapTest, SplitAndFuseRoundTripToTheFusedVariable) {
  const Var f = Iter("f", 32);
  const IterMapResult map = Detect({FloorDiv(f, 4) * 4 + FloorMod(f, 4)}, IterMapLevel::kBijective);
  ASSERT_TRUE(map.ok);
  EXPECT_TRUE(NormalizeIterMapToExpr(map.indices[0], analyzer_).same_as(f));
}

TEST_F(IterMapTest, FusedPairIsDividedAgain) {
  const Var i = Iter("i", 8);
  const Var j = Iter("j", 6);
  const Expr fused = i * 6 + j;
  const IterMapResult map = Detect({FloorDiv(fused, 12), FloorMod(fused, 12)}, IterMapLevel::kBijective);
  ASSERT_TRUE(map.ok);
  EXPECT_EQ(*ir::ConstInt(map.indices[0].args[0].extent), 4);
  EXPECT_EQ(*ir::ConstInt(map.indices[1].args[0].extent), 12);
}

TEST_F(IterMapTest, OverlappingSumsAreDenseButNotBijective) {
  const Var h = Iter("h", 8);
  const Var r = Iter("r", 3);
  EXPECT_FALSE(Detect({h * 2 + r}, IterMapLevel::kBijective).ok);
  const IterMapResult map = Detect({h * 2 + r}, IterMapLevel::kSurjective);
  ASSERT_TRUE(map.ok);
  EXPECT_EQ(*ir::ConstInt(map.indices[0].args[0].extent), 17);
  EXPECT_FALSE(Detect({h * 4 + r}, IterMapLevel::kSurjective).ok);  // Has gaps.
}

TEST_F(IterMapTest, ARepeatedIteratorIsNotIndependent) {
  const Var i = Iter("i", 8);
  EXPECT_FALSE(Detect({i, i}, IterMapLevel::kSurjective).ok);
  EXPECT_FALSE(Detect({FloorDiv(i, 2), FloorMod(i, 4)}, IterMapLevel::kSurjective).ok);
  EXPECT_TRUE(Detect({FloorDiv(i, 4), FloorMod(i, 4)}, IterMapLevel::kBijective).ok);
  EXPECT_FALSE(Detect({FloorDiv(i, 4)}, IterMapLevel::kBijective).ok);
  EXPECT_TRUE(Detect({FloorDiv(i, 4)}, IterMapLevel::kSurjective).ok);
}

TEST_F(IterMapTest, APredicateNarrowsTheFusedIterator) {
  const Var i = Iter("i", 4);
  const Var j = Iter("j", 8);
  const Expr fused = i * 8 + j;
  const IterMapResult map = Detect({fused}, IterMapLevel::kSurjective, ir::LT(fused, Int32(30)));
  ASSERT_TRUE(map.ok);
  EXPECT_EQ(*ir::ConstInt(map.indices[0].args[0].extent), 30);
  // 30 is no multiple of 8, but of 5.
  EXPECT_TRUE(Detect({FloorDiv(fused, 5), FloorMod(fused, 5)}, IterMapLevel::kBijective, ir::LT(fused, Int32(30))).ok);
}

TEST_F(IterMapTest, UnitIteratorsStayAsTermsWhenAsked) {
  const Var i = Iter("i", 1);
  const Var j = Iter("j", 8);
  const std::vector<Expr> kept = IterMapSimplify({i * 8 + j}, iters_, ir::BoolImm(true), IterMapLevel::kSurjective,
                                                 analyzer_, /*simplify_trivial_iterators=*/false);
  EXPECT_TRUE(ir::UsesVar(kept[0], i));
  const std::vector<Expr> dropped = IterMapSimplify({i * 8 + j}, iters_, ir::BoolImm(true), IterMapLevel::kSurjective,
                                                    analyzer_, /*simplify_trivial_iterators=*/true);
  EXPECT_TRUE(dropped[0].same_as(j));
}

TEST_F(IterMapTest, PaddingIsDescribedByItsPredicate) {
  const Var i = Iter("i", 14);
  const IterMapResult map = Detect({FloorDiv(i, 4), FloorMod(i, 4)}, IterMapLevel::kNoCheck);
  ASSERT_TRUE(map.ok);
  EXPECT_FALSE(ir::IsFalse(map.padding_predicate));
  EXPECT_FALSE(Detect({FloorDiv(i, 4), FloorMod(i, 4)}, IterMapLevel::kSurjective).ok);
  EXPECT_TRUE(Detect({FloorDiv(i, 4)}, IterMapLevel::kSurjective).ok);
  EXPECT_TRUE(Detect({FloorMod(i, 4)}, IterMapLevel::kSurjective).ok);
}

TEST_F(IterMapTest, AnOffsetBeforeADivisionPadsBothSides) {
  const Var i = Iter("i", 16);
  const std::vector<Expr> indices = {FloorDiv(i + 3, 4), FloorMod(i + 3, 4)};
  const IterMapResult map = Detect(indices, IterMapLevel::kNoCheck);
  ASSERT_TRUE(map.ok);
  ExpectSameValues(indices, map, ir::BoolImm(true));
  EXPECT_FALSE(Detect(indices, IterMapLevel::kBijective).ok);
}

TEST_F(IterMapTest, OverlappingSumsDoNotTellTheirTermsApart) {
  const Var h = Iter("h", 3);
  const Var r = Iter("r", 3);
  const Expr any = ir::BoolImm(true);
  const Expr window = h * 2 + r;
  EXPECT_FALSE(TellsApart({window}, iters_, {h, r}, any, analyzer_));
  EXPECT_TRUE(TellsApart({window}, iters_, {r}, any, analyzer_));  // With h fixed.
  EXPECT_TRUE(TellsApart({window, r}, iters_, {h}, any, analyzer_));
  EXPECT_TRUE(TellsApart({h * 3 + r}, iters_, {h, r}, any, analyzer_));
  EXPECT_TRUE(TellsApart({h * 5 - r + 7}, iters_, {h, r}, any, analyzer_));  // With gaps.
  EXPECT_FALSE(TellsApart({h}, iters_, {h, r}, any, analyzer_));
}

TEST_F(IterMapTest, FusedIteratorsAreToldApartByAllOfTheirDigits) {
  const Var f = Iter("f", 30);
  const Expr any = ir::BoolImm(true);
  EXPECT_TRUE(TellsApart({FloorDiv(f, 6), FloorMod(f, 6)}, iters_, {f}, any, analyzer_));
  EXPECT_FALSE(TellsApart({FloorDiv(f, 6)}, iters_, {f}, any, analyzer_));
  // As a window again, after its loops were fused.
  EXPECT_FALSE(TellsApart({FloorDiv(f, 6) * 4 + FloorMod(f, 6)}, iters_, {f}, any, analyzer_));
}

TEST_F(IterMapTest, SubspaceDivisionSplitsATiledIndex) {
  const Var i0 = Iter("i0", 4);
  const Var i1 = Iter("i1", 8);
  const SubspaceDivision division =
      SubspaceDivide({i0 * 8 + i1}, iters_, {i1}, ir::BoolImm(true), IterMapLevel::kSurjective, analyzer_);
  ASSERT_TRUE(division.ok);
  EXPECT_EQ(*ir::ConstInt(division.indices[0].inner_extent), 8);
  EXPECT_TRUE(NormalizeIterMapToExpr(division.indices[0].outer, analyzer_).same_as(i0));
  EXPECT_TRUE(NormalizeIterMapToExpr(division.indices[0].inner, analyzer_).same_as(i1));
  EXPECT_FALSE(SubspaceDivide({i0 * 8 + i1}, iters_, {i0}, ir::BoolImm(true), IterMapLevel::kSurjective, analyzer_).ok);
}

// A loop that runs once adds nothing to an extent, but belongs to the side of its variable.
TEST_F(IterMapTest, SubspaceDivisionLeavesUnitLoopsOnTheirSide) {
  const Var outer = Iter("outer", 16);
  const Var unit = Iter("unit", 1);
  const Var inner = Iter("inner", 6);
  for (const std::vector<Expr>& indices : {std::vector<Expr>{outer + unit, inner}, {unit * 16 + outer, inner}}) {
    const Expr predicate = ir::LT(indices[0], Int32(6));
    const SubspaceDivision division =
        SubspaceDivide(indices, iters_, {inner}, predicate, IterMapLevel::kSurjective, analyzer_);
    ASSERT_TRUE(division.ok) << testing::Text(indices[0]);
    EXPECT_EQ(*ir::ConstInt(division.indices[0].outer_extent), 6);
    EXPECT_EQ(*ir::ConstInt(division.indices[0].inner_extent), 1);
    EXPECT_FALSE(ir::IsTrue(division.outer_predicate));
    EXPECT_TRUE(ir::IsTrue(division.inner_predicate));
  }
}

// ---- random maps, checked at every point

class RandomIterMapTest : public IterMapTest, public ::testing::WithParamInterface<int> {
 protected:
  CounterRandom random_{{0x17e7, static_cast<uint64_t>(GetParam())}};

  void RandomIters(int64_t max_extent) {
    static constexpr const char* kNames[] = {"a", "b", "c", "d"};
    const int count = static_cast<int>(random_.Between(1, 4));
    for (int i = 0; i < count; ++i) {
      Iter(kNames[i], random_.Between(1, max_extent), random_.Below(5) == 0 ? random_.Between(-3, 3) : 0);
    }
  }
  // The iterators (from 0) fused in random order, and the number of values.
  Expr Fused(int64_t* extent) {
    std::vector<IterDomain> order(iters_);
    for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random_.Below(i)]);
    Expr fused = Int32(0);
    *extent = 1;
    for (const IterDomain& iter : order) {
      fused = fused * *ir::ConstInt(iter.range.extent) + (Expr(iter.var) - iter.range.min);
      *extent *= *ir::ConstInt(iter.range.extent);
    }
    return fused;
  }
  Expr RandomExpr(int depth) {
    if (depth == 0 || random_.Below(4) == 0) return iters_[random_.Below(iters_.size())].var;
    const Expr a = RandomExpr(depth - 1);
    const int64_t c = random_.Between(1, 6);
    switch (random_.Below(6)) {
      case 0:
        return FloorDiv(a, c);
      case 1:
        return FloorMod(a, c);
      case 2:
        return a * c;
      case 3:
        return a + (c - 3);
      case 4:
        return a - RandomExpr(depth - 1);
      default:
        return a * c + RandomExpr(depth - 1);
    }
  }
};

TEST_P(RandomIterMapTest, DividedFusionsAreBijectiveAndInvert) {
  for (int round = 0; round < 20; ++round) {
    iters_.clear();
    RandomIters(6);
    int64_t extent = 1;
    const Expr fused = Fused(&extent);
    // Divide by random divisors of what is left.
    std::vector<Expr> indices;
    int64_t lower = 1;
    while (lower < extent && indices.size() < 3) {
      const int64_t rest = extent / lower;
      int64_t part = random_.Between(1, rest);
      while (rest % part != 0) --part;
      if (part == 1) part = rest;
      const Expr low = lower == 1 ? fused : FloorDiv(fused, lower);
      indices.push_back(lower * part == extent ? low : FloorMod(low, part));
      lower *= part;
    }
    if (lower < extent) indices.push_back(FloorDiv(fused, lower));
    if (indices.empty()) indices.push_back(fused);
    // Whether the fused form is recognized depends on the divisors meeting the extents or not.
    const IterMapResult map = Detect(indices, IterMapLevel::kBijective);
    ASSERT_TRUE(map.ok) << map.error << " seed " << GetParam() << " round " << round;
    ExpectSameValues(indices, map, ir::BoolImm(true));
    const auto image = Image(indices, ir::BoolImm(true));
    EXPECT_EQ(static_cast<int64_t>(image.size()), extent);
    EXPECT_EQ(Box(map).size(), image.size());

    std::vector<Expr> outputs;
    std::vector<Var> output_vars;
    for (size_t i = 0; i < indices.size(); ++i) {
      output_vars.push_back(ir::MakeVar("o", ir::kInt32));
      outputs.push_back(output_vars.back());
    }
    ir::VarMap inverse;
    ASSERT_TRUE(InverseAffineIterMap(map.indices, outputs, analyzer_, &inverse)) << GetParam() << " round " << round;
    ForEachPoint(iters_, [&](const Point& point) {
      Point out;
      for (size_t i = 0; i < indices.size(); ++i) {
        out.vars.push_back(output_vars[i].get());
        out.values.push_back(Eval(indices[i], point));
      }
      for (const auto& [var, e] : inverse) ASSERT_EQ(Eval(e, out), point.Of(var)) << GetParam();
    });
  }
}

TEST_P(RandomIterMapTest, WhateverIsDetectedHoldsAtEveryPoint) {
  int detected = 0;
  for (int round = 0; round < 100; ++round) {
    iters_.clear();
    RandomIters(5);
    std::vector<Expr> indices;
    const int count = static_cast<int>(random_.Between(1, 2));
    for (int i = 0; i < count; ++i) indices.push_back(RandomExpr(3));
    Expr predicate = ir::BoolImm(true);
    if (random_.Below(3) == 0) {
      int64_t extent = 0;
      const Expr fused = Fused(&extent);
      predicate = ir::LT(fused, Int32(random_.Between(1, extent)));
      if (random_.Below(2) == 0) indices[0] = fused;
    }
    const auto image = Image(indices, predicate);
    const std::string where =
        "seed " + std::to_string(GetParam()) + " round " + std::to_string(round) + Describe(indices, predicate);
    for (IterMapLevel level : {IterMapLevel::kBijective, IterMapLevel::kSurjective, IterMapLevel::kNoCheck}) {
      const IterMapResult map = Detect(indices, level, predicate);
      if (!map.ok) continue;
      ++detected;
      SCOPED_TRACE(where + " level " + std::to_string(static_cast<int>(level)));
      ExpectSameValues(indices, map, predicate);
      const auto box = Box(map);
      for (const auto& [tuple, hits] : image) {
        EXPECT_TRUE(box.contains(tuple));
        EXPECT_TRUE(hits == 1 || level != IterMapLevel::kBijective);
      }
      // A predicate that is no bound of an index may leave out a part of what its iterators reach.
      EXPECT_TRUE(box.size() == image.size() || level == IterMapLevel::kNoCheck || !ir::IsTrue(predicate));
    }
  }
  EXPECT_GT(detected, 20);
}

TEST_P(RandomIterMapTest, WhatIsToldApartIsDifferentEverywhere) {
  int told = 0;
  int missed = 0;
  for (int round = 0; round < 100; ++round) {
    iters_.clear();
    RandomIters(5);
    std::vector<Expr> indices;
    for (uint64_t i = random_.Between(1, 3); i > 0; --i) indices.push_back(RandomExpr(2));
    Expr predicate = ir::BoolImm(true);
    int64_t extent = 0;
    if (random_.Below(3) == 0) predicate = ir::LT(Fused(&extent), Int32(random_.Between(1, extent + 1)));
    std::vector<Var> inner;
    for (const IterDomain& iter : iters_) {
      if (random_.Below(2) == 0) inner.push_back(iter.var);
    }
    const bool tells = TellsApart(indices, iters_, inner, predicate, analyzer_);
    // The same indices twice while the outer iterators stand still?
    std::vector<Expr> keys = indices;
    for (const IterDomain& iter : iters_) {
      if (std::find(inner.begin(), inner.end(), iter.var) == inner.end()) keys.push_back(iter.var);
    }
    bool apart = true;
    for (const auto& [tuple, hits] : Image(keys, predicate)) apart = apart && hits == 1;
    EXPECT_TRUE(apart || !tells) << "seed " << GetParam() << " round " << round << Describe(indices, predicate);
    told += tells && !inner.empty();
    missed += apart && !tells && ir::IsTrue(predicate);
  }
  EXPECT_GT(told, 5);
  EXPECT_LT(missed, 20);
}

TEST_P(RandomIterMapTest, SubspaceDivisionKeepsValues) {
  int divided = 0;
  for (int round = 0; round < 60; ++round) {
    iters_.clear();
    RandomIters(5);
    for (IterDomain& iter : iters_) iter.range.min = Int32(0);
    std::vector<Expr> indices;
    Expr predicate = ir::BoolImm(true);
    int64_t extent = 1;
    Expr fused = Int32(0);
    for (const IterDomain& iter : iters_) {
      fused = fused * *ir::ConstInt(iter.range.extent) + iter.var;
      extent *= *ir::ConstInt(iter.range.extent);
    }
    if (random_.Below(2) == 0) {
      const int64_t divisor = random_.Between(1, 6);
      indices = {FloorDiv(fused, divisor), FloorMod(fused, divisor)};
    } else {
      indices = {fused};
    }
    if (random_.Below(3) == 0) predicate = ir::LT(fused, Int32(random_.Between(1, extent)));
    // Inner: the last loops.
    std::vector<Var> inner;
    const size_t first = random_.Below(iters_.size() + 1);
    for (size_t i = first; i < iters_.size(); ++i) inner.push_back(iters_[i].var);
    const SubspaceDivision division =
        SubspaceDivide(indices, iters_, inner, predicate, IterMapLevel::kSurjective, analyzer_);
    if (!division.ok) continue;
    ++divided;
    SCOPED_TRACE("seed " + std::to_string(GetParam()) + " round " + std::to_string(round) +
                 Describe(indices, predicate) + " inner from " + std::to_string(first));
    auto is_inner = [&](Var var) { return std::find(inner.begin(), inner.end(), var) != inner.end(); };
    auto is_outer = [&](Var var) { return !is_inner(var); };
    EXPECT_FALSE(ir::UsesVar(division.outer_predicate, is_inner));
    EXPECT_FALSE(ir::UsesVar(division.inner_predicate, is_outer));
    for (size_t i = 0; i < indices.size(); ++i) {
      const DividedIter& part = division.indices[i];
      const Expr outer = NormalizeIterMapToExpr(part.outer, analyzer_);
      const Expr inner_expr = NormalizeIterMapToExpr(part.inner, analyzer_);
      EXPECT_FALSE(ir::UsesVar(outer, is_inner));
      EXPECT_FALSE(ir::UsesVar(inner_expr, is_outer));
      const Expr whole = outer * part.inner_extent + inner_expr;
      ForEachPoint(iters_, [&](const Point& point) {
        const bool holds = Eval(predicate, point) != 0;
        const bool parts_hold =
            Eval(division.outer_predicate, point) != 0 && Eval(division.inner_predicate, point) != 0;
        ASSERT_EQ(holds, parts_hold);
        ASSERT_TRUE(!holds || Eval(indices[i], point) == Eval(whole, point));
      });
    }
  }
  EXPECT_GT(divided, 10);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomIterMapTest, ::testing::Range(0, 20));

}  // namespace
}  // namespace hone::arith
