#include "common/interp/interpreter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>

#include "common/ir/module.h"
#include "common/ir/ops.h"
#include "common/support/status_matchers.h"

namespace hone::interp {
namespace {

using namespace ir;  // NOLINT

class InterpreterTest : public ::testing::Test {
 protected:
  Range Dom(int64_t n) { return Range{Int32(0), Int32(n)}; }
  Buffer Param(std::string_view name, std::initializer_list<Expr> shape, DataType dtype = kFloat32) {
    return MakeBuffer(name, MakeArray<Expr>(shape), dtype);
  }
  IRModule Function(const std::vector<Buffer>& buffers, Stmt body) {
    std::vector<Var> params;
    std::vector<BufferBinding> map;
    for (Buffer b : buffers) {
      params.push_back(MakeVar("h", DataType::Handle()));
      map.push_back({params.back(), b});
    }
    return ModuleOf(arena_, MakePrimFunc(MakeArray(params), MakeArray(map), body, {}));
  }
  Stmt Loop(Var v, int64_t n, Stmt body, ForKind kind = ForKind::kSerial) {
    return MakeFor(v, Int32(0), Int32(n), kind, body);
  }
  static Expr At(Buffer b, std::initializer_list<Expr> i) { return MakeBufferLoad(b, MakeArray<Expr>(i)); }
  static Stmt Set(Buffer b, std::initializer_list<Expr> i, Expr v) { return MakeBufferStore(b, v, MakeArray<Expr>(i)); }

  ArenaRef arena_ = std::make_shared<Arena>();
  ArenaScope scope_{arena_};
};

TEST_F(InterpreterTest, ReductionBlockInitialisesOnceAPoint) {
  const Buffer a = Param("A", {Int32(3), Int32(5)});
  const Buffer b = Param("B", {Int32(3)});
  const Var i = MakeVar("i", kInt32), k = MakeVar("k", kInt32), vi = MakeVar("vi", kInt32), vk = MakeVar("vk", kInt32);
  const BlockNode* block = MakeBlock(
      MakeArray<IterVar>({MakeIterVar(Dom(3), vi, IterType::kSpatial), MakeIterVar(Dom(5), vk, IterType::kReduce)}), {},
      {}, "B", Set(b, {vi}, At(b, {vi}) + At(a, {vi, vk})), Set(b, {vi}, FloatImm(kFloat32, 0)));
  // Reduction order reversed within pairs must not matter: k outer, i inner.
  const Stmt body = Loop(k, 5, Loop(i, 3, MakeBlockRealize(MakeArray<Expr>({i, k}), BoolImm(true), block)));
  const IRModule module = Function({a, b}, body);
  ASSERT_OK_AND_ASSIGN(std::vector<Tensor> args, RandomArgs(module, 1));
  ASSERT_OK(Interpret(module, absl::MakeSpan(args)));
  for (int r = 0; r < 3; ++r) {
    double sum = 0;
    for (int c = 0; c < 5; ++c) sum += args[0].At(r * 5 + c);
    EXPECT_NEAR(args[1].At(r), sum, 1e-5);
  }
}

TEST_F(InterpreterTest, VectorStoreReadsAllLanesBeforeWriting) {
  const Buffer a = Param("A", {Int32(8)});
  const Expr shifted = MakeBufferLoad(a, MakeArray<Expr>({MakeRamp(Int32(0), Int32(1), 7)}));
  const IRModule module =
      Function({a}, MakeBufferStore(a, shifted, MakeArray<Expr>({MakeRamp(Int32(1), Int32(1), 7)})));
  ASSERT_OK_AND_ASSIGN(std::vector<Tensor> args, RandomArgs(module, 2));
  const std::vector<Tensor> before = args;
  ASSERT_OK(Interpret(module, absl::MakeSpan(args)));
  for (int i = 1; i < 8; ++i) EXPECT_EQ(args[0].At(i), before[0].At(i - 1));
}

TEST_F(InterpreterTest, AccessOutsideOfTheShapeIsReported) {
  const Buffer a = Param("A", {Int32(4)});
  const Var i = MakeVar("i", kInt32);
  const IRModule module = Function({a}, Loop(i, 5, Set(a, {i}, FloatImm(kFloat32, 1))));
  ASSERT_OK_AND_ASSIGN(std::vector<Tensor> args, RandomArgs(module, 3));
  EXPECT_STATUS(Interpret(module, absl::MakeSpan(args)), absl::StatusCode::kOutOfRange, "\"A\"[4]");
}

TEST_F(InterpreterTest, EndlessLoopStops) {
  const Buffer a = Param("A", {Int32(1)});
  const IRModule module = Function({a}, MakeWhile(BoolImm(true), Set(a, {Int32(0)}, FloatImm(kFloat32, 1))));
  ASSERT_OK_AND_ASSIGN(std::vector<Tensor> args, RandomArgs(module, 3));
  EXPECT_STATUS(Interpret(module, absl::MakeSpan(args), {.max_steps = 1000}), absl::StatusCode::kResourceExhausted,
                "steps");
}

TEST_F(InterpreterTest, FreshMemoryIsNan) {
  const Buffer a = Param("A", {Int32(1)});
  const Buffer t = Param("T", {Int32(4)});
  const BlockNode* root =
      MakeBlock({}, {}, {}, "root", Set(a, {Int32(0)}, At(t, {Int32(2)})), {}, MakeArray<Buffer>({t}));
  const IRModule module = Function({a}, MakeBlockRealize({}, BoolImm(true), root));
  ASSERT_OK_AND_ASSIGN(std::vector<Tensor> args, RandomArgs(module, 3));
  ASSERT_OK(Interpret(module, absl::MakeSpan(args)));
  EXPECT_TRUE(std::isnan(args[0].At(0)));
}

TEST_F(InterpreterTest, MatchedViewStartsAtItsRegion) {
  const Buffer a = Param("A", {Int32(4), Int32(6)});
  const Var s0 = MakeVar("s0", kInt32), s1 = MakeVar("s1", kInt32), offset = MakeVar("offset", kInt32);
  const Var data = MakeVar("V", PointerType(kFloat32));
  const Buffer view = MakeBuffer(data, kFloat32, MakeArray<Expr>({Int32(2), Int32(3)}), MakeArray<Expr>({s0, s1}),
                                 offset, "V", 64, 1, BufferType::kDefault);
  const BufferRegion source =
      MakeBufferRegion(a, MakeArray<Range>({Range{Int32(1), Int32(2)}, Range{Int32(2), Int32(3)}}));
  const BlockNode* block = MakeBlock({}, {}, {}, "b", Set(view, {Int32(1), Int32(2)}, FloatImm(kFloat32, 42)), {}, {},
                                     MakeArray<MatchBufferRegion>({MakeMatchBufferRegion(view, source)}));
  const IRModule module = Function({a}, MakeBlockRealize({}, BoolImm(true), block));
  ASSERT_OK_AND_ASSIGN(std::vector<Tensor> args, RandomArgs(module, 4));
  ASSERT_OK(Interpret(module, absl::MakeSpan(args)));
  EXPECT_EQ(args[0].At(2 * 6 + 4), 42);
}

TEST_F(InterpreterTest, ThreadsOfALaunchMeetAtBarriers) {
  // B[t] = A[31 - t] through shared memory.
  const Buffer a = Param("A", {Int32(32)});
  const Buffer b = Param("B", {Int32(32)});
  const Buffer s = MakeBuffer("S", MakeArray<Expr>({Int32(32)}), kFloat32, "shared");
  const Var tx = MakeVar("threadIdx.x", kInt32);
  const IterVar thread = MakeIterVar({}, tx, IterType::kThreadIndex, "threadIdx.x");
  const Stmt sync = MakeEvaluate(MakeCall(kInt32, Builtin::tvm_storage_sync, {StringImm("shared")}));
  const Stmt body = MakeAllocate(s->data, kFloat32, MakeArray<Expr>({Int32(32)}), BoolImm(true),
                                 MakeSeq({Set(s, {tx}, At(a, {tx})), sync, Set(b, {tx}, At(s, {Int32(31) - tx}))}));
  const IRModule module = Function({a, b}, MakeAttrStmt(thread, "thread_extent", Int32(32), body));
  ASSERT_OK_AND_ASSIGN(std::vector<Tensor> args, RandomArgs(module, 5));
  ASSERT_OK(Interpret(module, absl::MakeSpan(args)));
  for (int t = 0; t < 32; ++t) EXPECT_EQ(args[1].At(t), args[0].At(31 - t));
}

TEST_F(InterpreterTest, DifferentProgramsAreToldApart) {
  const Buffer a = Param("A", {Int32(4)});
  const Var i = MakeVar("i", kInt32);
  const IRModule twice = Function({a}, Loop(i, 4, Set(a, {i}, At(a, {i}) * FloatImm(kFloat32, 2))));
  const IRModule same = Function({a}, Loop(i, 4, Set(a, {i}, At(a, {i}) + At(a, {i}))));
  const IRModule short_one = Function({a}, Loop(i, 3, Set(a, {i}, At(a, {i}) + At(a, {i}))));
  EXPECT_OK(ExpectSameResults(twice, same, 7));
  EXPECT_STATUS(ExpectSameResults(twice, short_one, 7), absl::StatusCode::kFailedPrecondition, "element 3");
}

TEST(TensorTest, SmallFloatsRoundToNearestEven) {
  EXPECT_EQ(RoundTo(DataType::Float(16), 2049.0), 2048.0);
  EXPECT_EQ(RoundTo(DataType::Float(16), 2051.0), 2052.0);
  EXPECT_EQ(RoundTo(DataType::Float(16), 0x1p-24), 0x1p-24);
  EXPECT_TRUE(std::isinf(RoundTo(DataType::Float(16), 70000.0)));
  EXPECT_EQ(RoundTo(DataType::BFloat16(), 257.0), 256.0);
  EXPECT_EQ(RoundTo(DataType::BFloat16(), 1.0 + 0x1p-7), 1.0 + 0x1p-7);
  EXPECT_EQ(RoundTo(*DataType::Parse("e4m3_float8"), 1000.0), 448.0);
  EXPECT_EQ(RoundTo(*DataType::Parse("e5m2_float8"), 1000.0), 1024.0);
  EXPECT_EQ(RoundTo(*DataType::Parse("e4m3_float8"), 17.0), 16.0);
}

TEST(TensorTest, EveryHalfSurvivesARoundTrip) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    uint8_t bytes[2] = {static_cast<uint8_t>(bits), static_cast<uint8_t>(bits >> 8)};
    const double value = LoadFloat(DataType::Float(16), bytes);
    if (std::isnan(value)) continue;
    uint8_t back[2];
    StoreFloat(DataType::Float(16), back, value);
    ASSERT_EQ(bits, static_cast<uint32_t>(back[0] | back[1] << 8)) << value;
  }
}

}  // namespace
}  // namespace hone::interp
