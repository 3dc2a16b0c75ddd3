#include <gtest/gtest.h>

#include <string>

#include "common/ir/visitor.h"
#include "common/lower/gpu/shared_layout.h"
#include "common/lower/pass_checker.h"
#include "common/script/parser.h"
#include "common/support/status_matchers.h"

namespace hone::lower {
namespace {

MachineTraits Gpu(int sm = 80) {
  MachineTraits machine;
  machine.kind = "cuda";
  machine.sm = sm;
  return machine;
}

ir::IRModule Parsed(std::string_view text) {
  auto module = script::ParseModule(text);
  EXPECT_OK(module);
  return *module;
}

int CountCalls(const ir::IRModule& module, ir::Builtin op) {
  int count = 0;
  ir::PostOrderVisitExprs(ir::As<ir::PrimFuncNode>(module.Entry()->function)->body, [&](ir::Expr e) {
    const auto* call = e.as<ir::CallNode>();
    count += call != nullptr && call->Is(op);
  });
  return count;
}

// A matmul with shared tiles, virtual threads and an accumulator in registers; $PIPELINE goes to the loop over tiles.
std::string Tiled(std::string_view pipeline) {
  std::string text = R"(
@T.prim_func
def main(A: T.Buffer((32, 48), "float32"), B: T.Buffer((48, 32), "float32"), C: T.Buffer((32, 32), "float32")):
    T.func_attr({"tir.noalias": T.bool(True)})
    C_local = T.alloc_buffer((32, 32), scope="local")
    A_shared = T.alloc_buffer((32, 48), scope="shared")
    B_shared = T.alloc_buffer((48, 32), scope="shared")
    for bx in T.thread_binding(4, thread="blockIdx.x"):
        for vx in T.thread_binding(2, thread="vthread.x"):
            for tx in T.thread_binding(8, thread="threadIdx.x"):
                for i_init, j_init in T.grid(4, 4):
                    with T.block("C_init"):
                        vi = T.axis.spatial(32, bx // 2 * 16 + vx * 8 + tx // 4 * 4 + i_init)
                        vj = T.axis.spatial(32, bx % 2 * 16 + tx % 4 * 4 + j_init)
                        C_local[vi, vj] = T.float32(0.0)
                for k_0 in T.serial(6$PIPELINE):
                    for f_0 in range(4):
                        for f_1 in T.thread_binding(8, thread="threadIdx.x"):
                            for f_2 in T.vectorized(4):
                                with T.block("A_shared"):
                                    v0 = T.axis.spatial(32, bx // 2 * 16 + (f_0 * 32 + f_1 * 4 + f_2) // 8)
                                    v1 = T.axis.spatial(48, k_0 * 8 + (f_0 * 32 + f_1 * 4 + f_2) % 8)
                                    A_shared[v0, v1] = A[v0, v1]
                    for f_0 in range(16):
                        for f_1 in T.thread_binding(8, thread="threadIdx.x"):
                            with T.block("B_shared"):
                                v0 = T.axis.spatial(48, k_0 * 8 + (f_0 * 8 + f_1) // 16)
                                v1 = T.axis.spatial(32, bx % 2 * 16 + (f_0 * 8 + f_1) % 16)
                                B_shared[v0, v1] = B[v0, v1]
                    for k_1, i, j in T.grid(8, 4, 4):
                        with T.block("C_update"):
                            vi = T.axis.spatial(32, bx // 2 * 16 + vx * 8 + tx // 4 * 4 + i)
                            vj = T.axis.spatial(32, bx % 2 * 16 + tx % 4 * 4 + j)
                            vk = T.axis.reduce(48, k_0 * 8 + k_1)
                            C_local[vi, vj] = C_local[vi, vj] + A_shared[vi, vk] * B_shared[vk, vj]
                for i, j in T.grid(4, 4):
                    with T.block("C_local"):
                        vi = T.axis.spatial(32, bx // 2 * 16 + vx * 8 + tx // 4 * 4 + i)
                        vj = T.axis.spatial(32, bx % 2 * 16 + tx % 4 * 4 + j)
                        C[vi, vj] = C_local[vi, vj]
)";
  return text.replace(text.find("$PIPELINE"), 9, pipeline);
}

TEST(GpuLowerTest, TiledMatmulWithVirtualThreadsStaysTheSame) { ExpectEveryPassKeeps(Parsed(Tiled("")), Gpu(), 1); }

TEST(GpuLowerTest, PipelineOfCopiesAndComputationStaysTheSame) {
  for (std::string_view stages : {"[0, 0, 1]", "[0, 0, 2]", "[0, 1, 3]"}) {
    const std::string pipeline = std::string(", annotations={\"software_pipeline_stage\": ") + std::string(stages) +
                                 ", \"software_pipeline_order\": [0, 1, 2]}";
    ExpectEveryPassKeeps(Parsed(Tiled(pipeline)), Gpu(), 2);
  }
}

TEST(GpuLowerTest, AsynchronousPipelineCopiesWhileItComputes) {
  for (std::string_view stages : {"[0, 0, 2]", "[0, 0, 3]", "[0, 0, 7]"}) {
    const std::string pipeline = std::string(", annotations={\"software_pipeline_stage\": ") + std::string(stages) +
                                 ", \"software_pipeline_order\": [0, 1, 2], \"software_pipeline_async_stages\": [0]}";
    const ir::IRModule module = Parsed(Tiled(pipeline));
    ExpectEveryPassKeeps(module, Gpu(), 3);
    ASSERT_OK_AND_ASSIGN(ir::IRModule lowered, LowerFor(module, Gpu(), [](std::string_view, ir::PrimFunc) {}));
    EXPECT_GT(CountCalls(lowered, ir::Builtin::ptx_cp_async), 0);
    // One barrier an iteration, where there are as many tiles as the pipeline holds and more.
    if (stages != "[0, 0, 7]") {
      EXPECT_EQ(CountCalls(lowered, ir::Builtin::tvm_storage_sync), 1) << stages;
    }
    // Devices that cannot copy asynchronously do it at once.
    ASSERT_OK_AND_ASSIGN(lowered, LowerFor(module, Gpu(75), [](std::string_view, ir::PrimFunc) {}));
    EXPECT_EQ(CountCalls(lowered, ir::Builtin::ptx_cp_async), 0);
    EXPECT_OK(interp::ExpectSameResults(module, lowered, 3));
  }
}

// Rows of $N elements are summed by $T threads of each of two rows; the result goes through $SCOPE memory.
std::string RowSum(int n, int threads, int rows, std::string_view scope, std::string_view reducer = "row") {
  const std::string tag = reducer == "row" ? "threadIdx.x" : "threadIdx.y";
  const std::string other = reducer == "row" ? "threadIdx.y" : "threadIdx.x";
  const int outer = (n + threads - 1) / threads;
  const bool whole = n % threads == 0;
  std::string text = R"(
@T.prim_func
def main(A: T.Buffer(($R, $N), "float32"), B: T.Buffer(($R, $N), "float32")):
    T.func_attr({"tir.noalias": T.bool(True)})
    S = T.alloc_buffer(($R,), scope="$SCOPE")
    for bx in T.thread_binding(1, thread="blockIdx.x"):
        for ty in T.thread_binding($R, thread="$OTHER"):
            for k_0 in range($O):
                for k_1 in T.thread_binding($T, thread="$TAG"):
                    with T.block("S"):
                        vi = T.axis.spatial($R, ty)
                        vk = T.axis.reduce($N, k_0 * $T + k_1)
$WHERE                        T.reads(A[vi, vk])
                        T.writes(S[vi])
                        with T.init():
                            S[vi] = T.float32(0.0)
                        S[vi] = S[vi] + A[vi, vk]
            for k_0 in range($O):
                for k_1 in T.thread_binding($T, thread="$TAG"):
                    with T.block("B"):
                        vi = T.axis.spatial($R, ty)
                        vk = T.axis.spatial($N, k_0 * $T + k_1)
$WHERE                        T.reads(A[vi, vk], S[vi])
                        T.writes(B[vi, vk])
                        B[vi, vk] = A[vi, vk] - S[vi]
)";
  const std::pair<std::string, std::string> values[] = {
      {"$WHERE", whole ? "" : "                        T.where(k_0 * $T + k_1 < $N)\n"},
      {"$TAG", tag},
      {"$OTHER", other},
      {"$SCOPE", std::string(scope)},
      {"$R", std::to_string(rows)},
      {"$N", std::to_string(n)},
      {"$O", std::to_string(outer)},
      {"$T", std::to_string(threads)},
  };
  for (const auto& [name, value] : values) {
    for (size_t at = text.find(name); at != std::string::npos; at = text.find(name, at)) {
      text.replace(at, name.size(), value);
    }
  }
  return text;
}

TEST(GpuLowerTest, ReductionsOverThreadsOfAllShapesStayTheSame) {
  for (int threads : {1, 2, 4, 5, 8, 32, 64, 96, 128}) {
    for (int rows : {1, 3}) {
      for (std::string_view scope : {"shared", "local"}) {
        ExpectEveryPassKeeps(Parsed(RowSum(2 * threads, threads, rows, scope)), Gpu(), threads);
        ExpectEveryPassKeeps(Parsed(RowSum(threads, threads, rows, scope)), Gpu(), threads);
      }
    }
  }
}

TEST(GpuLowerTest, ReductionWithARestStaysTheSame) {
  for (int threads : {8, 32, 64}) {
    ExpectEveryPassKeeps(Parsed(RowSum(2 * threads - 3, threads, 2, "shared")), Gpu(), threads);
  }
}

TEST(GpuLowerTest, ReductionOverTheOuterThreadAxisGoesThroughSharedMemory) {
  ExpectEveryPassKeeps(Parsed(RowSum(16, 8, 3, "shared", "column")), Gpu(), 4);
  ExpectEveryPassKeeps(Parsed(RowSum(10, 5, 4, "shared", "column")), Gpu(), 5);
}

// Two stages through dynamic shared memory, one after the other, and one buffer that both use.
constexpr char kTwoStages[] = R"(
@T.prim_func
def main(A: T.Buffer((4, 64), "float32"), B: T.Buffer((4, 64), "float32")):
    T.func_attr({"tir.noalias": T.bool(True)})
    X = T.alloc_buffer((64,), scope="shared.dyn")
    Y = T.alloc_buffer((64,), scope="shared.dyn")
    Z = T.alloc_buffer((64,), scope="shared.dyn")
    for bx in T.thread_binding(1, thread="blockIdx.x"):
        for r in range(4):
            for tx in T.thread_binding(64, thread="threadIdx.x"):
                with T.block("X"):
                    v0, v1 = T.axis.remap("SS", [r, tx])
                    X[v1] = A[v0, v1] * T.float32(2)
            for tx in T.thread_binding(64, thread="threadIdx.x"):
                with T.block("Y"):
                    v1 = T.axis.spatial(64, tx)
                    Y[v1] = X[63 - v1] + T.float32(1)
            for tx in T.thread_binding(64, thread="threadIdx.x"):
                with T.block("Z"):
                    v1 = T.axis.spatial(64, tx)
                    Z[v1] = Y[63 - v1] + T.float32(3)
            for tx in T.thread_binding(64, thread="threadIdx.x"):
                with T.block("B"):
                    v0, v1 = T.axis.remap("SS", [r, tx])
                    B[v0, v1] = Z[63 - v1] + Y[v1]
)";

TEST(GpuLowerTest, DynamicSharedMemoryOfDifferentTimesOverlaps) {
  const ir::IRModule module = Parsed(kTwoStages);
  ExpectEveryPassKeeps(module, Gpu(), 7);
  ASSERT_OK_AND_ASSIGN(const ir::IRModule lowered, LowerFor(module, Gpu(), [](std::string_view, ir::PrimFunc) {}));
  int64_t bytes = 0;
  int allocations = 0;
  ir::PreOrderVisitStmts(ir::As<ir::PrimFuncNode>(lowered.Entry()->function)->body, [&](ir::Stmt s) {
    const auto* allocate = s.as<ir::AllocateNode>();
    if (allocate != nullptr && allocate->buffer_var->type->scope == "shared.dyn") {
      ++allocations;
      bytes += *ir::ConstInt(allocate->extents[0]) * allocate->dtype.bytes();
    }
    return true;
  });
  EXPECT_EQ(allocations, 1);
  EXPECT_EQ(bytes, 2 * 64 * 4);  // X is gone when Z comes.
}

const ir::PrimFuncNode* EntryOf(const ir::IRModule& module) {
  return ir::As<ir::PrimFuncNode>(module.Entry()->function);
}

// Four tiles of 20 KiB, one after the other, in a loop that is unrolled.
constexpr char kUnrolledTiles[] = R"(
@T.prim_func
def main(A: T.Buffer((4, 5120), "float32"), C: T.Buffer((5120,), "float32")):
    T.func_attr({"tir.noalias": T.bool(True)})
    A_shared = T.alloc_buffer((4, 5120), scope="shared")
    for bx in T.thread_binding(1, thread="blockIdx.x"):
        for tx in T.thread_binding(32, thread="threadIdx.x"):
            for k in T.unroll(4):
                for f in range(160):
                    for t in T.thread_binding(32, thread="threadIdx.x"):
                        with T.block("A_shared"):
                            v0 = T.axis.spatial(4, k)
                            v1 = T.axis.spatial(5120, f * 32 + t)
                            A_shared[v0, v1] = A[v0, v1]
                for f in range(160):
                    with T.block("C"):
                        v = T.axis.spatial(5120, f * 32 + (31 - tx))
                        vk = T.axis.reduce(4, k)
                        C[v] = C[v] + A_shared[vk, v]
)";

TEST(GpuLowerTest, CopiesOfALoopShareMemoryWhereTheDeviceHasNotEnoughForAll) {
  const ir::IRModule module = Parsed(kUnrolledTiles);
  // 163 KiB: a tile of its own for each copy, and no barrier before the next one is filled.
  ASSERT_OK_AND_ASSIGN(const ir::IRModule wide, LowerFor(module, Gpu(80), [](std::string_view, ir::PrimFunc) {}));
  EXPECT_EQ(LaunchSharedBytes(EntryOf(wide)->body), 4 * 20480);
  EXPECT_EQ(CountCalls(wide, ir::Builtin::tvm_storage_sync), 4);
  // 64 KiB: one tile, which fits what a block has unasked.
  ASSERT_OK_AND_ASSIGN(const ir::IRModule narrow, LowerFor(module, Gpu(75), [](std::string_view, ir::PrimFunc) {}));
  EXPECT_EQ(LaunchSharedBytes(EntryOf(narrow)->body), 0);
  EXPECT_EQ(CountCalls(narrow, ir::Builtin::tvm_storage_sync), 7);
  ExpectEveryPassKeeps(module, Gpu(75), 1);
}

TEST(GpuLowerTest, ReductionsOfAKernelUseTheSameScratch) {
  const ir::IRModule module = Parsed(R"(
@T.prim_func
def main(A: T.Buffer((3, 64), "float32"), B: T.Buffer((3,), "float32")):
    T.func_attr({"tir.noalias": T.bool(True)})
    for bx in T.thread_binding(1, thread="blockIdx.x"):
        for r in T.unroll(3):
            for tx in T.thread_binding(64, thread="threadIdx.x"):
                with T.block("B"):
                    vr, vk = T.axis.remap("SR", [r, tx])
                    with T.init():
                        B[vr] = T.float32(0)
                    B[vr] = B[vr] + A[vr, vk]
)");
  ASSERT_OK_AND_ASSIGN(const ir::IRModule lowered, LowerFor(module, Gpu(), [](std::string_view, ir::PrimFunc) {}));
  int shared = 0;
  ir::PreOrderVisitStmts(EntryOf(lowered)->body, [&](ir::Stmt stmt) {
    const auto* allocate = stmt.as<ir::AllocateNode>();
    shared += allocate != nullptr && allocate->buffer_var->type->scope == "shared";
    return true;
  });
  EXPECT_EQ(shared, 2);  // Of the warps, and of the group.
  ExpectEveryPassKeeps(module, Gpu(), 1);
}

TEST(GpuLowerTest, WarpsExchangeByShuffles) {
  ASSERT_OK_AND_ASSIGN(const ir::IRModule lowered,
                       LowerFor(Parsed(RowSum(64, 32, 2, "shared")), Gpu(), [](std::string_view, ir::PrimFunc) {}));
  EXPECT_EQ(CountCalls(lowered, ir::Builtin::tvm_thread_allreduce), 0);
  EXPECT_EQ(CountCalls(lowered, ir::Builtin::tvm_warp_shuffle_down), 5);
}

// Each of 8 threads sums 16 rows of $N elements in registers, to be unrolled within 1,024 steps.
std::string RegisterSums(int n) {
  std::string text = R"(
@T.prim_func
def main(A: T.Buffer((128, $N), "float32"), C: T.Buffer((128,), "float32")):
    T.func_attr({"tir.noalias": T.bool(True)})
    L = T.alloc_buffer((128,), scope="local")
    for tx in T.thread_binding(8, thread="threadIdx.x"):
        for i in T.serial(16, annotations={"pragma_auto_unroll_max_step": 1024, "pragma_unroll_explicit": 1}):
            for k in range($N):
                with T.block("L"):
                    vi = T.axis.spatial(128, tx * 16 + i)
                    vk = T.axis.reduce($N, k)
                    with T.init():
                        L[vi] = T.float32(0.0)
                    L[vi] = L[vi] + A[vi, vk]
        for i in range(16):
            with T.block("C"):
                vi = T.axis.spatial(128, tx * 16 + i)
                C[vi] = L[vi]
)";
  for (size_t at = text.find("$N"); at != std::string::npos; at = text.find("$N")) {
    text.replace(at, 2, std::to_string(n));
  }
  return text;
}

int CountStores(const ir::IRModule& module) {
  int count = 0;
  ir::PreOrderVisitStmts(ir::As<ir::PrimFuncNode>(module.Entry()->function)->body, [&](ir::Stmt s) {
    count += s.kind() == ir::StmtKind::kBufferStore;
    return true;
  });
  return count;
}

TEST(GpuLowerTest, UnrollingStopsWhereLoopsOverRegistersWouldMakeTheKernelTooLong) {
  for (const auto& [n, unrolled] : {std::pair(32, true), std::pair(256, false)}) {
    const ir::IRModule module = Parsed(RegisterSums(n));
    ExpectEveryPassKeeps(module, Gpu(), 5);
    ASSERT_OK_AND_ASSIGN(const ir::IRModule lowered, LowerFor(module, Gpu(), [](std::string_view, ir::PrimFunc) {}));
    // A row of 32 is written out, and the loop over 16 registers makes 1,024 statements of it; 256 would make 8,192.
    EXPECT_EQ(CountStores(lowered) >= n, unrolled) << n << ": " << CountStores(lowered);
  }
}

}  // namespace
}  // namespace hone::lower
