#include "common/lower/uniform_condition.h"

#include <gtest/gtest.h>

#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/support/random.h"

namespace hone::lower {
namespace {

using ir::Expr;
using ir::Var;

class UniformConditionTest : public ::testing::Test {
 protected:
  UniformConditionTest() : scope_(arena_) {}
  Var Loop(std::string_view name, int64_t extent) {
    const Var var = ir::MakeVar(name, ir::kInt32);
    context_.Bind(var, {0, extent - 1});
    return var;
  }
  bool Uniform(Expr condition, Var lane, int64_t lanes) {
    return !ir::UsesVar(WithoutLane(context_, condition, lane, lanes), lane);
  }

  ir::Arena arena_;
  ir::ArenaScope scope_;
  LinearContext context_;
};

TEST_F(UniformConditionTest, BoundsBetweenVectorsAreThoseOfTheWholeVector) {
  const Var y = Loop("y", 2), x = Loop("x", 32), lane = Loop("lane", 8);
  EXPECT_TRUE(Uniform(ir::LT(y * 256 + x * 8 + lane, ir::Int32(256)), lane, 8));
  EXPECT_TRUE(Uniform(ir::And(ir::GE(x * 8 + lane, ir::Int32(16)), ir::LE(x * 8 + lane, ir::Int32(23))), lane, 8));
  EXPECT_TRUE(Uniform(ir::MakeNot(ir::GT(ir::Int32(64), x * 8 + lane)), lane, 8));
}

TEST_F(UniformConditionTest, BoundsInsideOfAVectorStay) {
  const Var x = Loop("x", 32), lane = Loop("lane", 8);
  EXPECT_FALSE(Uniform(ir::LT(x * 8 + lane, ir::Int32(100)), lane, 8));
  EXPECT_FALSE(Uniform(ir::LT(x * 4 + lane, ir::Int32(64)), lane, 8));
  EXPECT_FALSE(Uniform(ir::LT(x * 8 + lane + 1, ir::Int32(64)), lane, 8));
  EXPECT_FALSE(Uniform(ir::EQ(x * 8 + lane, ir::Int32(64)), lane, 8));
  EXPECT_FALSE(Uniform(ir::LT(x * 8 + ir::FloorDiv(lane, 3), ir::Int32(64)), lane, 8));
}

// Whatever is made of a condition, it has the same value in every lane.
TEST_F(UniformConditionTest, KeepsTheValueOfRandomConditions) {
  constexpr uint64_t kSeed = 20251122;
  CounterRandom random({kSeed});
  const auto from = [&](int64_t lo, int64_t hi) {
    return lo + static_cast<int64_t>(random.Next() % static_cast<uint64_t>(hi - lo + 1));
  };
  int changed = 0;
  for (int round = 0; round < 400; ++round) {
    const int64_t lanes = int64_t{1} << from(1, 4);
    const Var x = Loop("x", 5), y = Loop("y", 4), lane = Loop("lane", lanes);
    const int64_t unit = int64_t{1} << from(0, 5);
    const Expr left = x * static_cast<int>(unit * from(-2, 3)) + lane * static_cast<int>(from(-1, 2)) +
                      static_cast<int>(from(-8, 40));
    const Expr right = y * static_cast<int>(unit * from(0, 2)) + static_cast<int>(unit * from(-1, 4));
    const Expr comparisons[] = {ir::LT(left, right), ir::LE(left, right), ir::GT(left, right), ir::GE(left, right)};
    const Expr condition = comparisons[from(0, 3)];
    const Expr uniform = WithoutLane(context_, condition, lane, lanes);
    changed += uniform == condition ? 0 : 1;
    for (int64_t i = 0; i < 5; ++i) {
      for (int64_t j = 0; j < 4; ++j) {
        for (int64_t l = 0; l < lanes; ++l) {
          const ir::VarMap values = {{x.get(), ir::Int32(static_cast<int>(i))},
                                     {y.get(), ir::Int32(static_cast<int>(j))},
                                     {lane.get(), ir::Int32(static_cast<int>(l))}};
          LinearContext plain;
          const std::optional<bool> want = plain.Decide(ir::Substitute(condition, values));
          ASSERT_TRUE(want.has_value());
          ASSERT_EQ(plain.Decide(ir::Substitute(uniform, values)), want)
              << "seed " << kSeed << " round " << round << " x " << i << " y " << j << " lane " << l;
        }
      }
    }
  }
  EXPECT_GT(changed, 50);
}

}  // namespace
}  // namespace hone::lower
