#include <gtest/gtest.h>

#include "common/ir/visitor.h"
#include "common/lower/pass_checker.h"
#include "common/script/parser.h"
#include "common/support/status_matchers.h"

namespace hone::lower {
namespace {

// Names of the loops of the function after `pass`, outermost first.
std::vector<std::string> LoopsAfter(const ir::IRModule& module, std::string_view wanted) {
  std::vector<std::string> loops;
  const auto lowered = LowerFor(module, TestMachines()[0], [&](std::string_view pass, ir::PrimFunc func) {
    if (pass != wanted) return;
    loops.clear();
    ir::PreOrderVisitStmts(func->body, [&](ir::Stmt stmt) {
      if (const auto* loop = stmt.as<ir::ForNode>()) loops.emplace_back(loop->loop_var.name());
      return true;
    });
  });
  EXPECT_OK(lowered.status());
  return loops;
}

// 64 rows of 16 lanes under a reduction: more accumulators than registers.
constexpr char kTall[] = R"(
@T.prim_func
def main(A: T.Buffer((64, 40), "float32"), B: T.Buffer((40, 16), "float32"), C: T.Buffer((64, 16), "float32")):
    T.func_attr({"tir.noalias": T.bool(True)})
    for k in range(40):
        for i in range(64):
            for j in T.vectorized(16):
                with T.block("c"):
                    vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                    T.reads(C[vi, vj], A[vi, vk], B[vk, vj])
                    T.writes(C[vi, vj])
                    C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
)";

// Row i takes part of what row i - 1 has by then: the order of i and k counts.
constexpr char kCarried[] = R"(
@T.prim_func
def main(A: T.Buffer((65, 40), "float32"), C: T.Buffer((65, 16), "float32")):
    T.func_attr({"tir.noalias": T.bool(True)})
    for k in range(40):
        for i in range(64):
            for j in T.vectorized(16):
                with T.block("c"):
                    vi = T.axis.opaque(64, i)
                    vj = T.axis.spatial(16, j)
                    vk = T.axis.opaque(40, k)
                    T.reads(C[vi:vi + 2, vj], A[vi, vk])
                    T.writes(C[vi + 1, vj])
                    C[vi + 1, vj] = C[vi + 1, vj] * T.float32(0.5) + C[vi, vj] * A[vi, vk]
)";

TEST(TileReductionTest, ReductionMovesIntoTilesThatFitTheRegisters) {
  ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(kTall));
  EXPECT_EQ(LoopsAfter(module, "TileReduction"), (std::vector<std::string>{"i_o", "k", "i_i"}));
  for (const MachineTraits& machine : TestMachines()) ExpectEveryPassKeeps(module, machine, 1);
}

TEST(TileReductionTest, DependentRowsStayInOrder) {
  ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(kCarried));
  EXPECT_EQ(LoopsAfter(module, "TileReduction"), (std::vector<std::string>{"k", "i"}));
  for (const MachineTraits& machine : TestMachines()) ExpectEveryPassKeeps(module, machine, 2);
}

}  // namespace
}  // namespace hone::lower
