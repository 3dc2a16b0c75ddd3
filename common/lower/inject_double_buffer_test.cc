// Double buffers: what the pass makes of a loop, and that every form of it computes what the program did.
#include <gtest/gtest.h>

#include <string>

#include "common/interp/interpreter.h"
#include "common/ir/visitor.h"
#include "common/lower/pass_checker.h"
#include "common/lower/passes.h"
#include "common/script/parser.h"
#include "common/script/printer.h"
#include "common/support/status_matchers.h"

namespace hone::lower {
namespace {

// B is filled in every iteration of $LOOP and read behind; $INSIDE and $OUTSIDE hold its allocation, one of them empty.
constexpr char kTile[] = R"(
@T.prim_func
def main(A: T.Buffer((13, 32), "float32"), D: T.Buffer((13, 32), "float32")):
    T.func_attr({"tir.noalias": T.bool(True)})
    A_1 = T.Buffer((416,), "float32", data=A.data)
    D_1 = T.Buffer((416,), "float32", data=D.data)
$OUTSIDE
    for t in $LOOP:
$INSIDE
        with T.attr(B, "double_buffer_scope", 1):
            for i in range(32):
                B_1[i] = A_1[t * 32 + i] + T.float32(1)
        for i in range(32):
            D_1[t * 32 + i] = B_1[31 - i] * T.float32(3)
)";

std::string Tile(std::string loop, bool inside) {
  std::string text = kTile;
  const auto replace = [&](std::string_view what, const std::string& with) {
    text.replace(text.find(what), what.size(), with);
  };
  const auto allocation = [](const std::string& indent) {
    return indent + "B = T.allocate([32], \"float32\", \"global\")\n" + indent +
           "B_1 = T.Buffer((32,), \"float32\", data=B)";
  };
  replace("$LOOP", loop);
  replace("$OUTSIDE", inside ? "" : allocation("    "));
  replace("$INSIDE", inside ? allocation("        ") : "");
  return text;
}

// Two buffers of one loop, and one of a loop within.
constexpr char kNested[] = R"(
@T.prim_func
def main(A: T.Buffer((6, 4, 8), "int32"), D: T.Buffer((6, 4, 8), "int32")):
    T.func_attr({"tir.noalias": T.bool(True)})
    A_1 = T.Buffer((192,), "int32", data=A.data)
    D_1 = T.Buffer((192,), "int32", data=D.data)
    B = T.allocate([32], "int32", "global")
    B_1 = T.Buffer((32,), "int32", data=B)
    E = T.allocate([8], "int32", "global")
    E_1 = T.Buffer((8,), "int32", data=E)
    for t in range(1, 6):
        C = T.allocate([8], "int32", "global")
        C_1 = T.Buffer((8,), "int32", data=C)
        with T.attr(B, "double_buffer_scope", 1):
            for i in range(32):
                B_1[i] = A_1[t * 32 + 31 - i]
        with T.attr(E, "double_buffer_scope", 1):
            for i in range(8):
                E_1[i] = A_1[t * 32 + i] * 5
        for s in range(4):
            with T.attr(C, "double_buffer_scope", 1):
                for i in range(8):
                    C_1[i] = A_1[t * 32 + s * 8 + i] + s
            for i in range(8):
                D_1[t * 32 + s * 8 + i] = B_1[s * 8 + i] * 2 + C_1[7 - i] + E_1[i]
)";

// Only the pass, on a module whose buffers are flat.
absl::StatusOr<ir::IRModule> Doubled(const ir::IRModule& module) {
  auto arena = std::make_shared<ir::Arena>();
  arena->KeepAlive(module.arena());
  const ir::ArenaScope scope(arena);
  const auto func = InjectDoubleBuffer(ir::As<ir::PrimFuncNode>(module.Entry()->function), PassContext());
  if (!func.ok()) return func.status();
  return ir::ModuleOf(arena, *func);
}

std::string TextOf(const ir::IRModule& module) {
  return script::PrintFunc(ir::As<ir::PrimFuncNode>(module.Entry()->function));
}

int Count(const std::string& text, std::string_view what) {
  int count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

TEST(InjectDoubleBufferTest, TheProducerRunsOneIterationAhead) {
  ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(Tile("range(13)", /*inside=*/false)));
  ASSERT_OK_AND_ASSIGN(const ir::IRModule doubled, Doubled(module));
  const std::string text = TextOf(doubled);
  // Twice the room; the first fill before the loop, one in it that is marked, none in the last iteration.
  EXPECT_NE(text.find("B = T.allocate([64]"), std::string::npos) << text;
  EXPECT_EQ(Count(text, "double_buffer_scope"), 0) << text;
  EXPECT_EQ(Count(text, "double_buffer_write"), 1) << text;
  EXPECT_EQ(Count(text, "+ T.float32(1"), 2) << text;
  EXPECT_EQ(Count(text, "* T.float32(3"), 2) << text;
  EXPECT_EQ(text.find("if "), std::string::npos) << text;
  const size_t first_fill = text.find("+ T.float32(1");
  const size_t loop = text.find("for t in range(12)");
  ASSERT_NE(loop, std::string::npos) << text;
  EXPECT_LT(first_fill, loop) << text;
  EXPECT_OK(interp::ExpectSameResults(module, doubled, 1));
}

TEST(InjectDoubleBufferTest, TheIterationThatIsFilledUsesTheOtherHalf) {
  ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(Tile("range(13)", /*inside=*/false)));
  ASSERT_OK_AND_ASSIGN(const ir::IRModule doubled, Doubled(module));
  const std::string text = TextOf(doubled);
  EXPECT_NE(text.find("(t + 1) % 2 * 32"), std::string::npos) << text;
  EXPECT_NE(text.find("t % 2 * 32"), std::string::npos) << text;
}

TEST(InjectDoubleBufferTest, AnAllocationInsideOfTheLoopMovesAroundIt) {
  ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(Tile("range(13)", /*inside=*/true)));
  ASSERT_OK_AND_ASSIGN(const ir::IRModule doubled, Doubled(module));
  const std::string text = TextOf(doubled);
  EXPECT_LT(text.find("T.allocate([64]"), text.find("for t in")) << text;
  EXPECT_EQ(Count(text, "T.allocate("), 1) << text;
  EXPECT_OK(interp::ExpectSameResults(module, doubled, 2));
}

TEST(InjectDoubleBufferTest, EveryFormComputesTheSame) {
  for (const std::string loop : {"range(13)", "range(2, 13)", "range(3)", "range(2)", "T.unroll(5)"}) {
    for (const bool inside : {false, true}) {
      ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(Tile(loop, inside)));
      ASSERT_OK_AND_ASSIGN(const ir::IRModule doubled, Doubled(module));
      EXPECT_OK(interp::ExpectSameResults(module, doubled, 3)) << loop << "\n" << TextOf(doubled);
      for (const MachineTraits& machine : TestMachines()) ExpectEveryPassKeeps(module, machine, 3);
    }
  }
}

TEST(InjectDoubleBufferTest, ALoopOfOneIterationOnlyFillsBefore) {
  ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(Tile("range(1)", /*inside=*/true)));
  ASSERT_OK_AND_ASSIGN(const ir::IRModule doubled, Doubled(module));
  EXPECT_OK(interp::ExpectSameResults(module, doubled, 6));
}

TEST(InjectDoubleBufferTest, SeveralBuffersAndNestedLoopsComputeTheSame) {
  ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(kNested));
  ASSERT_OK_AND_ASSIGN(const ir::IRModule doubled, Doubled(module));
  const std::string text = TextOf(doubled);
  EXPECT_EQ(Count(text, "double_buffer_scope"), 0) << text;
  EXPECT_OK(interp::ExpectSameResults(module, doubled, 4)) << text;
  for (const MachineTraits& machine : TestMachines()) ExpectEveryPassKeeps(module, machine, 4);
}

TEST(InjectDoubleBufferTest, AnEmptyLoopFillsNothing) {
  ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(R"(
@T.prim_func
def main(n: T.int32, A: T.Buffer((416,), "float32"), D: T.Buffer((416,), "float32")):
    B = T.allocate([32], "float32", "global")
    B_1 = T.Buffer((32,), "float32", data=B)
    for t in range(n):
        with T.attr(B, "double_buffer_scope", 1):
            for i in range(32):
                B_1[i] = A[t * 32 + i]
        for i in range(32):
            D[t * 32 + i] = B_1[31 - i]
)"));
  ASSERT_OK_AND_ASSIGN(const ir::IRModule doubled, Doubled(module));
  const std::string text = TextOf(doubled);
  EXPECT_LT(text.find("1 <= n"), text.find("for i in")) << text;
}

TEST(InjectDoubleBufferTest, WhatCannotBeDoubledIsNamed) {
  const auto refusal = [](const std::string& text) {
    const auto module = script::ParseModule(text);
    EXPECT_OK(module.status());
    return Doubled(*module).status();
  };
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_STATUS(refusal(Tile("T.parallel(13)", false)), kInvalid, "loop \"t\" around its producer is not serial");
  EXPECT_STATUS(refusal(R"(
@T.prim_func
def main(A: T.Buffer((32,), "float32")):
    B = T.allocate([32], "float32", "global")
    B_1 = T.Buffer((32,), "float32", data=B)
    with T.attr(B, "double_buffer_scope", 1):
        B_1[0] = A[0]
)"),
                kInvalid, "buffer \"B\" cannot be double-buffered: it needs a flat allocation and a loop");
  EXPECT_STATUS(refusal(R"(
@T.prim_func
def main(A: T.Buffer((32,), "float32")):
    B = T.allocate([32], "float32", "global")
    B_1 = T.Buffer((32,), "float32", data=B)
    for t in range(4):
        with T.attr(B, "double_buffer_scope", 1):
            B_1[0] = A[t]
    for t in range(4):
        with T.attr(B, "double_buffer_scope", 1):
            B_1[0] = A[t]
)"),
                kInvalid, "its producers lie in different loops");
}

// The tile of a thread block in shared memory, filled for the next step while this one is used.
constexpr char kSharedTile[] = R"(
@T.prim_func
def main(A: T.Buffer(($N, 32), "float32"), D: T.Buffer(($N, 32), "float32")):
    T.func_attr({"tir.noalias": T.bool(True)})
    A_1 = T.Buffer(($N * 32,), "float32", data=A.data)
    D_1 = T.Buffer(($N * 32,), "float32", data=D.data)
    bx = T.launch_thread("blockIdx.x", 1)
    tx = T.launch_thread("threadIdx.x", 32)
    B = T.allocate([32], "float32", "shared")
    B_1 = T.Buffer((32,), "float32", data=B, scope="shared")
    for t in $LOOP($N):
        with T.attr(B, "double_buffer_scope", 1):
            B_1[tx] = A_1[t * 32 + tx]
        D_1[t * 32 + tx] = B_1[31 - tx] * T.float32(3)
)";

// What the tile computes; the text above has no barriers yet, so it cannot be run itself.
constexpr char kReversedRows[] = R"(
@T.prim_func
def main(A: T.Buffer(($N, 32), "float32"), D: T.Buffer(($N, 32), "float32")):
    for t, i in T.grid($N, 32):
        D[t, i] = A[t, 31 - i] * T.float32(3)
)";

TEST(InjectDoubleBufferTest, ThreadsOfAGpuMeetBetweenFillAndUse) {
  MachineTraits gpu;
  gpu.kind = "cuda";
  gpu.sm = 80;
  for (const std::string loop : {"range", "T.unroll"}) {
    for (const std::string steps : {"2", "3", "9", "40"}) {
      const auto filled = [&](std::string text) {
        for (size_t at; (at = text.find("$N")) != std::string::npos;) text.replace(at, 2, steps);
        for (size_t at; (at = text.find("$LOOP")) != std::string::npos;) text.replace(at, 5, loop);
        return text;
      };
      ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(filled(kSharedTile)));
      ASSERT_OK_AND_ASSIGN(const ir::IRModule expected, script::ParseModule(filled(kReversedRows)));
      ASSERT_OK_AND_ASSIGN(const ir::IRModule lowered, LowerFor(module, gpu, [](std::string_view, ir::PrimFunc) {}));
      EXPECT_OK(interp::ExpectSameResults(expected, lowered, 5)) << TextOf(lowered);
      // While one half is filled the other may be read: one meeting an iteration, and one before the last.
      if (loop == "range" && steps == "40") {
        EXPECT_EQ(Count(TextOf(lowered), "tvm_storage_sync"), 2) << TextOf(lowered);
      }
    }
  }
}

}  // namespace
}  // namespace hone::lower
