#include "common/arith/region.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "common/arith/access_region.h"
#include "common/arith/eval_for_test.h"
#include "common/arith/index_map.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/support/random.h"
#include "common/support/status_matchers.h"

namespace hone::arith {
namespace {

using ir::Buffer;
using ir::Expr;
using ir::FloorDiv;
using ir::FloorMod;
using ir::Int32;
using ir::MakeArray;
using ir::Range;
using ir::Var;
using testing::Eval;
using testing::ForEachPoint;
using testing::Point;

class RegionTest : public ::testing::Test {
 protected:
  ir::Arena arena_;
  ir::ArenaScope scope_{arena_};
  Analyzer analyzer_;

  int64_t Const(Expr e) {
    const Expr simple = analyzer_.Simplify(e);
    return ir::ConstInt(simple) != nullptr ? *ir::ConstInt(simple) : INT64_MIN;
  }
};

TEST_F(RegionTest, TiledIndexGivesTheExactTile) {
  const Var o = ir::MakeVar("o", ir::kInt32);
  const Var i = ir::MakeVar("i", ir::kInt32);
  const std::vector<IterDomain> domains = {{i, {Int32(0), Int32(8)}}};
  const auto region = MakeArray<Range>({{o * 8 + i, Int32(1)}});
  const auto strict = EstimateRegionStrictBound(region, domains, ir::BoolImm(true), analyzer_);
  ASSERT_TRUE(strict.has_value());
  EXPECT_EQ(Const((*strict)[0].max() - (*strict)[0].min()), 7);
  EXPECT_EQ(Const((*strict)[0].min() - o * 8), 0);
}

TEST_F(RegionTest, DependentDimensionsHaveNoStrictBound) {
  const Var i = ir::MakeVar("i", ir::kInt32);
  const Var j = ir::MakeVar("j", ir::kInt32);
  const std::vector<IterDomain> domains = {{i, {Int32(0), Int32(8)}}, {j, {Int32(0), Int32(4)}}};
  EXPECT_FALSE(EstimateRegionLowerBound(MakeArray<Range>({{i + j, Int32(1)}, {j, Int32(1)}}), domains,
                                        ir::BoolImm(true), analyzer_));
  EXPECT_FALSE(EstimateRegionLowerBound(MakeArray<Range>({{i, Int32(1)}, {i, Int32(1)}}), domains, ir::BoolImm(true),
                                        analyzer_));
}

TEST_F(RegionTest, RandomRegionsContainWhatIsTouched) {
  int strict_count = 0;
  for (uint64_t seed = 0; seed < 20000; ++seed) {
    CounterRandom random({0x4e61, seed});
    std::vector<IterDomain> domains;
    const int count = static_cast<int>(random.Between(1, 3));
    for (int i = 0; i < count; ++i) {
      const char* names[] = {"a", "b", "c"};
      const int64_t min = random.Between(-1, 2);  // One draw a statement: the order of arguments is the compiler's.
      const int64_t extent = random.Between(1, 6);
      domains.push_back({ir::MakeVar(names[i], ir::kInt32), {Int32(min), Int32(extent)}});
    }
    auto random_index = [&] {
      const Var first = domains[random.Below(domains.size())].var;
      Expr e = first * random.Between(1, 4);
      if (random.Below(2) == 0) e = e + Expr(domains[random.Below(domains.size())].var);
      if (random.Below(3) == 0) e = FloorDiv(e, random.Between(1, 4));
      if (random.Below(3) == 0) e = FloorMod(e, random.Between(1, 6));
      return e;
    };
    std::vector<Range> ranges;
    const int rank = static_cast<int>(random.Between(1, 2));
    for (int i = 0; i < rank; ++i) {
      const Expr index = random_index();
      ranges.push_back({index, Int32(random.Between(1, 3))});
    }
    Expr predicate = ir::BoolImm(true);
    if (random.Below(3) == 0) {
      const Expr bounded = random.Below(3) == 0 ? random_index() : ranges[0].min;
      predicate = ir::LT(bounded, Int32(random.Between(1, 8)));
    }

    std::set<std::vector<int64_t>> touched;
    ForEachPoint(domains, [&](const Point& point) {
      if (Eval(predicate, point) == 0) return;
      std::vector<std::vector<int64_t>> tuples = {{}};
      for (const Range& range : ranges) {
        std::vector<std::vector<int64_t>> longer;
        for (const auto& tuple : tuples) {
          for (int64_t k = 0; k < *ir::ConstInt(range.extent); ++k) {
            longer.push_back(tuple);
            longer.back().push_back(Eval(range.min, point) + k);
          }
        }
        tuples = longer;
      }
      touched.insert(tuples.begin(), tuples.end());
    });
    auto box_size = [&](const NDIntSet& sets) {
      int64_t size = 1;
      for (const IntSet& set : sets) size *= std::max<int64_t>(0, Const(set.max() - set.min()) + 1);
      return size;
    };
    auto contains = [&](const NDIntSet& sets, const std::vector<int64_t>& tuple) {
      for (size_t i = 0; i < sets.size(); ++i) {
        if (sets[i].min() && tuple[i] < Const(sets[i].min())) return false;
        if (sets[i].max() && tuple[i] > Const(sets[i].max())) return false;
      }
      return true;
    };
    const auto region = MakeArray(ranges);
    const NDIntSet upper = EstimateRegionUpperBound(region, domains, predicate, analyzer_);
    for (const auto& tuple : touched) ASSERT_TRUE(contains(upper, tuple)) << "seed " << seed;
    const auto strict = EstimateRegionStrictBound(region, domains, predicate, analyzer_);
    if (!strict.has_value() || touched.empty()) continue;
    ++strict_count;
    for (const auto& tuple : touched) ASSERT_TRUE(contains(*strict, tuple)) << "seed " << seed;
    ASSERT_EQ(box_size(*strict), static_cast<int64_t>(touched.size())) << "seed " << seed;
  }
  EXPECT_GT(strict_count, 3000);
}

// A predicate over a division of overlapping iterators: the region of what is divided is no box that the map shows.
TEST_F(RegionTest, PredicateOverADivisionIsNotOverlooked) {
  const Var a = ir::MakeVar("a", ir::kInt32);
  const Var b = ir::MakeVar("b", ir::kInt32);
  const std::vector<IterDomain> domains = {{a, {Int32(0), Int32(5)}}, {b, {Int32(0), Int32(4)}}};
  const Expr quotient = FloorDiv(b * 3 + Expr(a), 4);
  const Expr predicate = ir::LT(quotient, Int32(3));
  for (const Expr& index : {quotient, b * 3 + Expr(a), Expr(a)}) {
    std::set<int64_t> touched;
    ForEachPoint(domains, [&](const Point& point) {
      if (Eval(predicate, point) != 0) touched.insert(Eval(index, point));
    });
    const auto region = MakeArray<Range>({{index, Int32(1)}});
    if (const auto strict = EstimateRegionStrictBound(region, domains, predicate, analyzer_)) {
      EXPECT_EQ(Const((*strict)[0].min()), *touched.begin());
      EXPECT_EQ(Const((*strict)[0].max()), *touched.rbegin());
    }
    const NDIntSet upper = EstimateRegionUpperBound(region, domains, predicate, analyzer_);
    EXPECT_LE(Const(upper[0].min()), *touched.begin());
    EXPECT_GE(Const(upper[0].max()), *touched.rbegin());
  }
}

// ---- access regions

class AccessRegionTest : public RegionTest {
 protected:
  Buffer MakeBuf(const char* name, std::vector<int64_t> dims) {
    std::vector<Expr> shape;
    for (int64_t dim : dims) shape.push_back(Int32(dim));
    buffers_.push_back(ir::MakeBuffer(name, MakeArray(shape), ir::kFloat32));
    return buffers_.back();
  }
  Buffer Find(Var data) {
    for (Buffer buffer : buffers_) {
      if (buffer->data == data) return buffer;
    }
    return {};
  }
  BlockAccess Access(ir::Stmt body, ir::Stmt init = {}) {
    const ir::BlockNode* block = ir::MakeBlock({}, {}, {}, "b", body, init);
    return GetBlockAccessRegion(block, [this](Var data) { return Find(data); });
  }
  std::vector<Buffer> buffers_;
};

TEST_F(AccessRegionTest, LoadsAreListedBeforeThoseInTheirIndices) {
  const Buffer a = MakeBuf("A", {16}), d = MakeBuf("D", {16}), c = MakeBuf("C", {16});
  const Buffer b = ir::MakeBuffer("B", MakeArray<Expr>({Int32(16)}), ir::kInt32);
  const Buffer i = ir::MakeBuffer("I", MakeArray<Expr>({Int32(16)}), ir::kInt32);
  buffers_.push_back(b);
  buffers_.push_back(i);
  const Var v = ir::MakeVar("v", ir::kInt32);
  auto load = [](Buffer buffer, Expr index) { return ir::MakeBufferLoad(buffer, MakeArray<Expr>({index})); };
  const ir::Stmt store = ir::MakeBufferStore(c, load(a, load(b, v)) + load(d, v), MakeArray<Expr>({load(i, v)}));
  const BlockAccess access = Access(store);
  ASSERT_EQ(access.reads.size(), 4u);
  EXPECT_EQ(access.reads[0]->buffer, a);
  EXPECT_EQ(access.reads[1]->buffer, b);
  EXPECT_EQ(access.reads[2]->buffer, d);
  EXPECT_EQ(access.reads[3]->buffer, i);
  ASSERT_EQ(access.writes.size(), 1u);
}

TEST_F(AccessRegionTest, InitRemovesTheAccumulatorFromReads) {
  const Buffer a = MakeBuf("A", {16}), c = MakeBuf("C", {16});
  const Var v = ir::MakeVar("v", ir::kInt32);
  const auto at = MakeArray<Expr>({v});
  const ir::Stmt update = ir::MakeBufferStore(c, ir::MakeBufferLoad(c, at) + ir::MakeBufferLoad(a, at), at);
  EXPECT_EQ(Access(update).reads.size(), 2u);
  const BlockAccess with_init = Access(update, ir::MakeBufferStore(c, ir::FloatImm(ir::kFloat32, 0), at));
  ASSERT_EQ(with_init.reads.size(), 1u);
  EXPECT_EQ(with_init.reads[0]->buffer, a);
}

TEST_F(AccessRegionTest, LoopsInsideAreRelaxedAndBranchesNarrowThem) {
  const Buffer a = MakeBuf("A", {64}), c = MakeBuf("C", {64});
  const Var v = ir::MakeVar("v", ir::kInt32);
  const Var k = ir::MakeVar("k", ir::kInt32);
  const Expr zero = ir::FloatImm(ir::kFloat32, 0);
  const Expr padded = ir::IfThenElse(ir::LT(k, Int32(5)), ir::MakeBufferLoad(a, MakeArray<Expr>({v * 8 + k})), zero);
  const ir::Stmt loop = ir::MakeFor(k, Int32(0), Int32(8), ir::ForKind::kSerial,
                                    ir::MakeBufferStore(c, padded, MakeArray<Expr>({v * 8 + k})));
  const BlockAccess access = Access(loop);
  ASSERT_EQ(access.reads.size(), 1u);
  EXPECT_EQ(Const(access.reads[0]->region[0].extent), 5);
  EXPECT_EQ(Const(access.writes[0]->region[0].extent), 8);
  EXPECT_EQ(Const(access.writes[0]->region[0].min - v * 8), 0);
}

// ---- index maps

class IndexMapTest : public RegionTest {
 protected:
  void ExpectInverse(const ir::IndexMapNode* map, std::vector<int64_t> shape) {
    std::vector<Range> ranges;
    std::vector<IterDomain> domains;
    for (size_t i = 0; i < shape.size(); ++i) {
      ranges.push_back({Int32(0), Int32(shape[i])});
      domains.push_back({map->initial_indices[i], ranges.back()});
    }
    ASSERT_OK_AND_ASSIGN(auto inverse, NonSurjectiveInverse(map, ranges, analyzer_));
    std::set<std::vector<int64_t>> image;
    ForEachPoint(domains, [&](const Point& point) {
      Point mapped;
      for (size_t i = 0; i < map->final_indices.size(); ++i) {
        mapped.vars.push_back(inverse.inverse->initial_indices[i].get());
        mapped.values.push_back(Eval(map->final_indices[i], point));
      }
      image.insert(mapped.values);
      EXPECT_EQ(Eval(inverse.padding_predicate, mapped), 0);
      for (size_t i = 0; i < shape.size(); ++i) {
        ASSERT_EQ(Eval(inverse.inverse->final_indices[i], mapped), point.values[i]);
      }
    });
    std::vector<IterDomain> outputs;
    ASSERT_OK_AND_ASSIGN(const std::vector<Range> mapped_ranges, MapRanges(map, ranges, analyzer_));
    for (size_t i = 0; i < map->final_indices.size(); ++i) {
      outputs.push_back({inverse.inverse->initial_indices[i], mapped_ranges[i]});
    }
    int64_t padding = 0;
    ForEachPoint(outputs, [&](const Point& point) {
      const bool hit = image.contains(point.values);
      EXPECT_EQ(Eval(inverse.padding_predicate, point) == 0, hit);
      padding += !hit;
    });
    EXPECT_EQ(InverseIndexMap(map, ranges, analyzer_).ok(), padding == 0);
  }
};

TEST_F(IndexMapTest, TilingsInvertWithAndWithoutPadding) {
  const Var i = ir::MakeVar("i", ir::kInt32);
  const Var j = ir::MakeVar("j", ir::kInt32);
  const auto* tiled = ir::MakeIndexMap(
      MakeArray<Var>({i, j}), MakeArray<Expr>({FloorDiv(i, 4), FloorDiv(j, 8), FloorMod(i, 4), FloorMod(j, 8)}));
  ExpectInverse(tiled, {16, 16});
  ExpectInverse(tiled, {14, 16});
  ExpectInverse(tiled, {13, 30});
  ExpectInverse(ir::MakeIndexMap(MakeArray<Var>({i, j}), MakeArray<Expr>({j, i})), {3, 5});
  ExpectInverse(ir::MakeIndexMap(MakeArray<Var>({i, j}), MakeArray<Expr>({i * 6 + j})), {4, 6});
  ExpectInverse(ir::MakeIndexMap(MakeArray<Var>({i}), MakeArray<Expr>({FloorDiv(i + 3, 4), FloorMod(i + 3, 4)})), {14});
}

TEST_F(IndexMapTest, ShapesAreMappedToTheWholeTiles) {
  const Var i = ir::MakeVar("i", ir::kInt32);
  const auto* tiled = ir::MakeIndexMap(MakeArray<Var>({i}), MakeArray<Expr>({FloorDiv(i, 4), FloorMod(i, 4)}));
  ASSERT_OK_AND_ASSIGN(const std::vector<Expr> shape, MapShape(tiled, {Int32(14)}, analyzer_));
  EXPECT_EQ(Const(shape[0]), 4);
  EXPECT_EQ(Const(shape[1]), 4);
}

TEST_F(IndexMapTest, AReversedMapKeepsItsShape) {
  const Var i = ir::MakeVar("i", ir::kInt32);
  const auto* map = ir::MakeIndexMap(MakeArray<Var>({i}), MakeArray<Expr>({Int32(7) - Expr(i)}));
  ASSERT_OK_AND_ASSIGN(const std::vector<Expr> shape, MapShape(map, {Int32(8)}, analyzer_));
  EXPECT_EQ(Const(shape[0]), 8);
}

TEST_F(IndexMapTest, ShiftedAndUnboundedMapsGiveNoShape) {
  const Var i = ir::MakeVar("i", ir::kInt32);
  const Var j = ir::MakeVar("j", ir::kInt32);
  const auto* shifted = ir::MakeIndexMap(MakeArray<Var>({i}), MakeArray<Expr>({i + 4}));
  EXPECT_FALSE(MapShape(shifted, {Int32(8)}, analyzer_).ok());
  const auto* product = ir::MakeIndexMap(MakeArray<Var>({i, j}), MakeArray<Expr>({i * Expr(j), Expr(j)}));
  EXPECT_FALSE(MapShape(product, {Int32(8), Int32(8)}, analyzer_).ok());
}

TEST_F(IndexMapTest, ARepeatedIndexHasNoInverse) {
  const Var i = ir::MakeVar("i", ir::kInt32);
  const auto* twice = ir::MakeIndexMap(MakeArray<Var>({i}), MakeArray<Expr>({i, i}));
  const std::vector<Range> ranges = {{Int32(0), Int32(4)}};
  EXPECT_FALSE(NonSurjectiveInverse(twice, ranges, analyzer_).ok());
}

}  // namespace
}  // namespace hone::arith
