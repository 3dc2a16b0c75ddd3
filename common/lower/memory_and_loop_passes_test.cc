// StorageRewrite, HoistIfThenElse, LoopPartition, NarrowDataType and RewriteUnsafeSelect: what each makes of a program
// that it is for, and that programs stay the same. candidate_fuzz_test runs all passes on random programs.
#include <gtest/gtest.h>

#include "common/ir/visitor.h"
#include "common/lower/pass_checker.h"
#include "common/script/parser.h"
#include "common/script/printer.h"
#include "common/support/status_matchers.h"

namespace hone::lower {
namespace {

// The function's text after the first run of `wanted`.
std::string TextAfter(const ir::IRModule& module, std::string_view wanted) {
  std::string text;
  const auto lowered = LowerFor(module, TestMachines()[0], [&](std::string_view pass, ir::PrimFunc func) {
    if (pass == wanted && text.empty()) text = script::PrintFunc(func);
  });
  EXPECT_OK(lowered.status());
  return text;
}

int Count(const std::string& text, std::string_view what) {
  int count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

void ExpectKept(const ir::IRModule& module) {
  for (const MachineTraits& machine : TestMachines()) ExpectEveryPassKeeps(module, machine, 1);
}

constexpr char kChain[] = R"(
@T.prim_func
def main(A: T.Buffer((64,), "float32"), D: T.Buffer((64,), "float32")):
    T.func_attr({"tir.noalias": T.bool(True)})
    B = T.alloc_buffer((64,))
    C = T.alloc_buffer((64,))
    E = T.alloc_buffer((64,))
    for i in range(64):
        with T.block("b"):
            v = T.axis.spatial(64, i)
            B[v] = A[63 - v] + T.float32(1)
    for i in range(64):
        with T.block("c"):
            v = T.axis.spatial(64, i)
            C[v] = B[63 - v] * T.float32(2)
    for i in range(64):
        with T.block("e"):
            v = T.axis.spatial(64, i)
            E[v] = C[63 - v] - T.float32(3)
    for i in range(64):
        with T.block("d"):
            v = T.axis.spatial(64, i)
            D[v] = E[63 - v]
)";

TEST(StorageRewriteTest, BuffersThatAreNotNeededTogetherShareMemory) {
  ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(kChain));
  EXPECT_EQ(Count(TextAfter(module, "FlattenBuffer"), "T.allocate("), 3);
  EXPECT_EQ(Count(TextAfter(module, "StorageRewrite"), "T.allocate("), 2);
  ExpectKept(module);
}

// $SOURCE is where C takes B from, $INNER a further loop.
std::string InPlaceProgram(std::string_view source, bool twice) {
  std::string text = R"(
@T.prim_func
def main(A: T.Buffer((8, 8), "float32"), D: T.Buffer((8, 8), "float32")):
    T.func_attr({"tir.noalias": T.bool(True)})
    B = T.alloc_buffer((8, 8))
    C = T.alloc_buffer((8, 8))
    for i, j in T.grid(8, 8):
        with T.block("b"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vj, vi] + T.float32(1)
    for r, i, j in T.grid($R, 8, 8):
        with T.block("c"):
            vr, vi, vj = T.axis.remap("SSS", [r, i, j])
            C[vi, vj] = $SOURCE * T.float32(2) + T.float32(3)
    for i, j in T.grid(8, 8):
        with T.block("d"):
            vi, vj = T.axis.remap("SS", [i, j])
            D[vi, vj] = C[vj, vi]
)";
  text.replace(text.find("$R"), 2, twice ? "2" : "1");
  return text.replace(text.find("$SOURCE"), 7, source);
}

TEST(StorageRewriteTest, AnElementwiseStepWorksInPlace) {
  ASSERT_OK_AND_ASSIGN(const ir::IRModule same, script::ParseModule(InPlaceProgram("B[vi, vj]", false)));
  EXPECT_EQ(Count(TextAfter(same, "FlattenBuffer"), "T.allocate("), 2);
  EXPECT_EQ(Count(TextAfter(same, "StorageRewrite"), "T.allocate("), 1);
  ExpectKept(same);
  // From another place, or more than once a place: what is read may have been written over.
  ASSERT_OK_AND_ASSIGN(const ir::IRModule transposed, script::ParseModule(InPlaceProgram("B[vj, vi]", false)));
  EXPECT_EQ(Count(TextAfter(transposed, "StorageRewrite"), "T.allocate("), 2);
  ExpectKept(transposed);
  ASSERT_OK_AND_ASSIGN(const ir::IRModule twice, script::ParseModule(InPlaceProgram("B[vi, vj]", true)));
  EXPECT_EQ(Count(TextAfter(twice, "StorageRewrite"), "T.allocate("), 2);
  ExpectKept(twice);
}

constexpr char kGuarded[] = R"(
@T.prim_func
def main(A: T.Buffer((8, 5), "float32"), B: T.Buffer((8, 5), "float32")):
    for i in range(8):
        for j in range(5):
            with T.block("b"):
                T.where(i < 6)
                vi, vj = T.axis.remap("SS", [i, j])
                T.reads(A[vi, vj])
                T.writes(B[vi, vj])
                B[vi, vj] = T.Select(vj < 3, A[vi, vj], T.float32(0))
)";

TEST(HoistIfThenElseTest, ConditionOfTheOuterLoopLeavesTheInnerLoop) {
  ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(kGuarded));
  const std::string text = TextAfter(module, "HoistIfThenElse");
  EXPECT_LT(text.find("if i < 6"), text.find("for j")) << text;
  ExpectKept(module);
}

TEST(RewriteUnsafeSelectTest, SelectOfALoadEvaluatesOneSideOnly) {
  ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(R"(
@T.prim_func
def main(A: T.Buffer((3,), "float32"), n: T.int32, B: T.Buffer((3,), "float32")):
    for i in range(3):
        with T.block("b"):
            v = T.axis.spatial(3, i)
            T.reads(A[v])
            T.writes(B[v])
            B[v] = T.Select(n < v, A[v], T.float32(0)) + T.Select(n < v, T.float32(1), T.float32(2))
)"));
  const std::string text = TextAfter(module, "RewriteUnsafeSelect");
  EXPECT_GE(Count(text, "T.if_then_else("), 1) << text;
}

TEST(CommonSubexprElimTest, ACostlyValueIsComputedOnceUnlessAConditionStandsBeforeIt) {
  ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(R"(
@T.prim_func
def main(A: T.Buffer((40,), "float32"), B: T.Buffer((40,), "float32"), C: T.Buffer((40,), "float32")):
    T.func_attr({"tir.noalias": T.bool(True)})
    for i in range(40):
        with T.block("b"):
            v = T.axis.spatial(40, i)
            T.reads(A[v])
            T.writes(B[v])
            B[v] = A[v] * T.exp(A[v]) / (T.float32(1) + T.exp(A[v])) + T.tanh(T.exp(A[v])) * T.tanh(T.exp(A[v]))
    for i in range(40):
        with T.block("c"):
            v = T.axis.spatial(40, i)
            T.reads(A[0:40])
            T.writes(C[v])
            C[v] = T.if_then_else(v < 7, T.sqrt(A[v]), T.sqrt(A[v]) + T.sqrt(A[v]))
)"));
  const std::string text = TextAfter(module, "CommonSubexprElimTIR");
  EXPECT_EQ(Count(text, "T.exp("), Count(text, "B_1["));
  EXPECT_EQ(Count(text, "T.tanh("), Count(text, "B_1["));
  // Lanes 0 to 31 keep their condition and all three roots, lanes 32 to 39 need one.
  EXPECT_EQ(Count(text, "T.sqrt("), 2 * 3 + 1) << text;
  ExpectKept(module);
}

constexpr char kHinted[] = R"(
@T.prim_func
def main(A: T.Buffer((37,), "float32"), B: T.Buffer((40,), "float32")):
    for i in T.serial(10, annotations={"pragma_loop_partition_hint": 1}):
        for j in range(4):
            with T.block("b"):
                v = T.axis.spatial(40, i * 4 + j)
                T.reads(A[0:37])
                T.writes(B[v])
                B[v] = T.if_then_else(T.likely(i * 4 + j < 37), A[T.min(i * 4 + j, 36)], T.float32(7))
)";

TEST(LoopPartitionTest, IterationsWhereTheConditionHoldsGoWithoutIt) {
  ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(kHinted));
  const std::string text = TextAfter(module, "LoopPartition");
  // 9 iterations without the condition, one with it.
  EXPECT_NE(text.find("9"), std::string::npos) << text;
  EXPECT_EQ(Count(text, "T.likely("), 1) << text;
  EXPECT_EQ(Count(text, "for i"), 2) << text;
  ExpectKept(module);
}

constexpr char kWide[] = R"(
@T.prim_func
def main(A: T.Buffer((T.int64(64), T.int64(8)), "int64"), B: T.Buffer((T.int64(64), T.int64(8)), "int64")):
    for i, j in T.grid(T.int64(64), T.int64(8)):
        with T.block("b"):
            vi, vj = T.axis.remap("SS", [i, j])
            T.reads(A[vi, vj])
            T.writes(B[vi, vj])
            B[vi, vj] = A[T.int64(63) - vi, vj] + vi * T.int64(8) + vj
)";

TEST(NarrowDataTypeTest, LoopsAndIndicesOfWideProgramsBecomeInt32AndValuesStay) {
  ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(kWide));
  const std::string text = TextAfter(module, "NarrowDataType");
  EXPECT_EQ(text.find("T.int64(63)"), std::string::npos) << text;
  EXPECT_NE(text.find("T.Cast(\"int64\""), std::string::npos) << text;
  ExpectKept(module);
}

}  // namespace
}  // namespace hone::lower
