#include "server/space/suggest_layout.h"

#include <gtest/gtest.h>

#include "common/ir/ops.h"

namespace hone::space {
namespace {

using namespace ir;  // NOLINT

class SuggestLayoutTest : public ::testing::Test {
 protected:
  const ForNode* Loop(Var var, int64_t extent) {
    return Stmt(MakeFor(var, Int32(0), Int32(extent), ForKind::kSerial, MakeNop())).as<ForNode>();
  }
  Arena arena_;
  ArenaScope scope_{arena_};
};

TEST_F(SuggestLayoutTest, TiledReadsBecomeContiguousInLoopOrder) {
  const Buffer b = MakeBuffer("B", MakeArray<Expr>({Int32(64), Int32(128)}), kFloat32);
  const Var j0 = MakeVar("j0", kInt32), k = MakeVar("k", kInt32), j1 = MakeVar("j1", kInt32);
  const Expr indices[] = {Expr(k), Expr(j0) * 16 + Expr(j1)};
  const IndexMapNode* map = SuggestLayout(b, indices, {Loop(j0, 8), Loop(k, 64), Loop(j1, 16)}, BoolImm(true));
  ASSERT_NE(map, nullptr);
  EXPECT_EQ(map->initial_indices.size(), 2u);
  EXPECT_EQ(map->final_indices.size(), 3u);
}

TEST_F(SuggestLayoutTest, PartsOfAFusedLoopAreSeparateDimensions) {
  const Buffer b = MakeBuffer("B", MakeArray<Expr>({Int32(6), Int32(6), Int32(16)}), kFloat32);
  const Var f = MakeVar("f", kInt32), e2 = MakeVar("e2", kInt32), n3 = MakeVar("n3", kInt32), c = MakeVar("c", kInt32);
  const Expr indices[] = {FloorDiv(Expr(f), 18) * 3 + Expr(e2), FloorDiv(FloorMod(Expr(f), 18), 9) * 3 + Expr(n3),
                          Expr(c)};
  const IndexMapNode* map =
      SuggestLayout(b, indices, {Loop(f, 36), Loop(e2, 3), Loop(c, 16), Loop(n3, 3)}, BoolImm(true));
  ASSERT_NE(map, nullptr);
  EXPECT_EQ(map->final_indices.size(), 5u);
}

TEST_F(SuggestLayoutTest, PartialReadsHaveNoLayout) {
  const Buffer b = MakeBuffer("B", MakeArray<Expr>({Int32(64)}), kFloat32);
  const Var i = MakeVar("i", kInt32);
  const Expr indices[] = {Expr(i)};
  EXPECT_EQ(SuggestLayout(b, indices, {Loop(i, 32)}, BoolImm(true)), nullptr);
}

}  // namespace
}  // namespace hone::space
