#include "worker/codegen/cuda/cuda_codegen.h"

#include "common/script/parser.h"
#include "common/support/status_macros.h"
#include "common/support/status_matchers.h"
#include "common/support/strings.h"
#include "gtest/gtest.h"
#include "worker/codegen/cuda/testing/compiled.h"

namespace hone::codegen {
namespace {

Target TargetFor(std::string_view arch) { return Target::Parse(StrCat("cuda -arch=", arch)).value(); }

absl::StatusOr<CudaSource> Emit(std::string_view script, std::string_view arch = "sm_90") {
  HONE_ASSIGN_OR_RETURN(const ir::IRModule module, script::ParseModule(script));
  return EmitCuda(module, TargetFor(arch));
}

bool Mentions(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

constexpr char kScale[] = R"(
from tvm.script import tir as T
@T.prim_func
def main(A: T.Buffer((4096,), "float32"), B: T.Buffer((4096,), "float32")):
    T.func_attr({"global_symbol": "scale", "tir.noalias": T.bool(True)})
    bx = T.launch_thread("blockIdx.x", 8)
    tx = T.launch_thread("threadIdx.x", 128)
    B[T.Ramp(bx * 512 + tx * 4, 1, 4)] = A[T.Ramp(bx * 512 + tx * 4, 1, 4)] * T.Broadcast(T.float32(2), 4)
)";

TEST(CudaCodegenTest, VectorAccessesAreWideAndTheLaunchIsPlanned) {
  ASSERT_OK_AND_ASSIGN(const CudaSource source, Emit(kScale));
  EXPECT_TRUE(Mentions(source.text, "*(const floatx4*)")) << source.text;
  EXPECT_TRUE(Mentions(source.text, "const float* __restrict__ A")) << source.text;
  EXPECT_TRUE(Mentions(source.text, "__launch_bounds__(128)")) << source.text;
  ASSERT_EQ(source.plan.kernels.size(), 1u);
  const KernelLaunch& kernel = source.plan.kernels[0];
  EXPECT_EQ(kernel.grid[0], 8u);
  EXPECT_EQ(kernel.block[0], 128u);
  EXPECT_EQ(kernel.args, (std::vector<int>{0, 1}));
  LaunchPlan plan;
  ExpectCompiles(source, &plan);
  if (!plan.kernels.empty()) {
    EXPECT_GT(plan.kernels[0].registers, 0);
  }
}

TEST(CudaCodegenTest, AMisalignedVectorIsMovedPieceByPiece) {
  ASSERT_OK_AND_ASSIGN(const CudaSource source, Emit(R"(
from tvm.script import tir as T
@T.prim_func
def main(A: T.Buffer((4098,), "float32"), B: T.Buffer((4096,), "float32")):
    bx = T.launch_thread("blockIdx.x", 8)
    tx = T.launch_thread("threadIdx.x", 128)
    B[T.Ramp(bx * 512 + tx * 4, 1, 4)] = A[T.Ramp(bx * 512 + tx * 4 + 2, 1, 4)] + A[T.Ramp(bx * 512 + tx * 4 + 1, 1, 4)]
)"));
  EXPECT_FALSE(Mentions(source.text, "*(const floatx4*)")) << source.text;
  EXPECT_TRUE(Mentions(source.text, "*(const floatx2*)")) << source.text;
  ExpectCompiles(source);
}

TEST(CudaCodegenTest, TwoLaunchesShareATemporary) {
  ASSERT_OK_AND_ASSIGN(const CudaSource source, Emit(R"(
from tvm.script import tir as T
@T.prim_func
def main(A: T.Buffer((256,), "float32"), C: T.Buffer((256,), "float32")):
    B = T.allocate([256], "float32", "global")
    B_1 = T.Buffer((256,), data=B)
    with T.launch_thread("blockIdx.x", 2) as bx:
        tx = T.launch_thread("threadIdx.x", 128)
        B_1[bx * 128 + tx] = T.exp(A[bx * 128 + tx])
    with T.launch_thread("blockIdx.x", 1) as bx:
        tx = T.launch_thread("threadIdx.x", 256)
        C[tx] = B_1[T.floormod(tx + 3, 256)] + T.tanh(A[tx]) + T.erf(A[tx])
)"));
  ASSERT_EQ(source.plan.kernels.size(), 2u);
  EXPECT_EQ(source.plan.temporary_bytes, (std::vector<uint64_t>{1024}));
  EXPECT_EQ(source.plan.kernels[0].args, (std::vector<int>{0, -1}));
  ExpectCompiles(source);
}

TEST(CudaCodegenTest, MoreThan48KilobytesOfSharedMemoryBecomeDynamic) {
  ASSERT_OK_AND_ASSIGN(const CudaSource source, Emit(R"(
from tvm.script import tir as T
@T.prim_func
def main(A: T.Buffer((16384,), "float32"), B: T.Buffer((16384,), "float32")):
    tx = T.launch_thread("threadIdx.x", 128)
    s = T.allocate([8192], "float32", "shared")
    t = T.allocate([8192], "float32", "shared")
    s_1 = T.Buffer((8192,), data=s, scope="shared")
    t_1 = T.Buffer((8192,), data=t, scope="shared")
    for i in range(64):
        s_1[i * 128 + tx] = A[i * 128 + tx]
        t_1[i * 128 + tx] = A[i * 128 + tx + 8192]
    T.tvm_storage_sync("shared")
    for i in range(64):
        B[i * 128 + tx] = s_1[i * 128 + 127 - tx] + t_1[i * 128 + 127 - tx]
)"));
  EXPECT_EQ(source.plan.kernels[0].dynamic_shared_bytes, 65536u);
  EXPECT_TRUE(Mentions(source.text, "extern __shared__")) << source.text;
  EXPECT_TRUE(Mentions(source.text, "__syncthreads();")) << source.text;
  ExpectCompiles(source);
}

TEST(CudaCodegenTest, LoopsOverRegistersAreUnrolled) {
  ASSERT_OK_AND_ASSIGN(const CudaSource source, Emit(R"(
from tvm.script import tir as T
@T.prim_func
def main(A: T.Buffer((4096,), "float16"), B: T.Buffer((4096,), "float16")):
    tx = T.launch_thread("threadIdx.x", 128)
    r = T.allocate([32], "float16", "local")
    r_1 = T.Buffer((32,), "float16", data=r, scope="local")
    for i in range(32):
        r_1[i] = A[i * 128 + tx] * T.float16(0.5)
    for i in range(4):
        B[T.Ramp(tx * 32 + i * 8, 1, 8)] = r_1[T.Ramp(i * 8, 1, 8)]
)"));
  EXPECT_TRUE(Mentions(source.text, "#pragma unroll")) << source.text;
  EXPECT_TRUE(Mentions(source.text, "*(halfx8*)")) << source.text;
  LaunchPlan plan;
  ExpectCompiles(source, &plan);
  if (!plan.kernels.empty()) {
    EXPECT_EQ(plan.kernels[0].stack_bytes, 0);
  }
}

// A thread that sums `tile` x 4 elements over `steps` steps which are written out.
std::string RegisterTile(int tile, int steps) {
  std::string script = StrCat(R"(
from tvm.script import tir as T
@T.prim_func
def main(A: T.Buffer((65536,), "float32"), B: T.Buffer((65536,), "float32")):
    tx = T.launch_thread("threadIdx.x", 32)
    r = T.allocate([)",
                              tile * 4, R"(], "float32", "local")
    r_1 = T.Buffer(()",
                              tile * 4, R"(,), data=r, scope="local")
    for k in range(8):
        for i in range()",
                              tile, "):\n");
  for (int j = 0; j < 4 * steps; ++j) {
    StrAppend(&script, "            r_1[i * 4 + ", j % 4, "] = r_1[i * 4 + ", j % 4, "] + A[k * 4096 + tx + ", j,
              "]\n");
  }
  StrAppend(&script, "    B[tx] = r_1[tx % 4]\n");
  return script;
}

TEST(CudaCodegenTest, RegisterLoopsAreUnrolledAsFarAsTheCompilerCopes) {
  ASSERT_OK_AND_ASSIGN(const CudaSource small, Emit(RegisterTile(/*tile=*/16, /*steps=*/8)));
  EXPECT_TRUE(Mentions(small.text, "#pragma unroll\n    for (int i = 0;")) << small.text;
  ASSERT_OK_AND_ASSIGN(const CudaSource long_body, Emit(RegisterTile(/*tile=*/16, /*steps=*/80)));
  EXPECT_FALSE(Mentions(long_body.text, "#pragma unroll")) << "5,120 statements";
  ASSERT_OK_AND_ASSIGN(const CudaSource large_array, Emit(RegisterTile(/*tile=*/256, /*steps=*/1)));
  EXPECT_FALSE(Mentions(large_array.text, "#pragma unroll")) << "4 KiB of registers a thread";
}

TEST(CudaCodegenTest, WmmaFragmentsAreRegisters) {
  ASSERT_OK_AND_ASSIGN(const CudaSource source, Emit(R"(
from tvm.script import tir as T
@T.prim_func
def main(A: T.Buffer((256,), "float16"), B: T.Buffer((256,), "float16"), C: T.Buffer((256,), "float32")):
    tx = T.launch_thread("threadIdx.x", 32)
    s = T.allocate([256], "float16", "shared")
    a = T.allocate([256], "float16", "wmma.matrix_a")
    b = T.allocate([256], "float16", "wmma.matrix_b")
    c = T.allocate([256], "float32", "wmma.accumulator")
    s_1 = T.Buffer((256,), "float16", data=s, scope="shared")
    s_1[T.Ramp(tx * 8, 1, 8)] = A[T.Ramp(tx * 8, 1, 8)]
    T.tvm_storage_sync("shared")
    T.tvm_fill_fragment(c, 16, 16, 16, 0, T.float32(0))
    T.tvm_load_matrix_sync(a, 16, 16, 16, 0, T.tvm_access_ptr(T.type_annotation("float16"), s, 0, 256, 1), 16, "row_major")
    T.tvm_load_matrix_sync(b, 16, 16, 16, 0, T.tvm_access_ptr(T.type_annotation("float16"), B.data, 0, 256, 1), 16, "col_major")
    T.tvm_mma_sync(c, 0, a, 0, b, 0, c, 0)
    T.tvm_store_matrix_sync(c, 16, 16, 16, 0, T.tvm_access_ptr(T.type_annotation("float32"), C.data, 0, 256, 2), 16, "row_major")
)"));
  EXPECT_TRUE(Mentions(source.text, "wmma.mma.sync.aligned.row.col.m16n16k16.f32.f32")) << source.text;
  LaunchPlan plan;
  ExpectCompiles(source, &plan);
  if (!plan.kernels.empty()) {
    EXPECT_EQ(plan.kernels[0].stack_bytes, 0);
  }
}

// A loop that only moves the tile in shared memory stays one; a loop over fragments has no addresses to loop over.
TEST(CudaCodegenTest, LoopsOverTilesAreNotUnrolledLoopsOverFragmentsAre) {
  ASSERT_OK_AND_ASSIGN(const CudaSource source, Emit(R"(
from tvm.script import tir as T
@T.prim_func
def main(A: T.Buffer((4096,), "float16"), C: T.Buffer((512,), "float32")):
    tx = T.launch_thread("threadIdx.x", 32)
    s = T.allocate([4096], "float16", "shared")
    a = T.allocate([256], "float16", "wmma.matrix_a")
    b = T.allocate([512], "float16", "wmma.matrix_b")
    c = T.allocate([512], "float32", "wmma.accumulator")
    s_1 = T.Buffer((4096,), "float16", data=s, scope="shared")
    for i in range(128):
        s_1[i * 32 + tx] = A[i * 32 + tx]
    T.tvm_storage_sync("shared")
    for f in range(2):
        T.tvm_fill_fragment(c, 16, 16, 16, f, T.float32(0))
    for tile in range(16):
        T.tvm_load_matrix_sync(a, 16, 16, 16, 0, T.tvm_access_ptr(T.type_annotation("float16"), s, tile * 256, 256, 1), 16, "row_major")
        for fragment in range(2):
            T.tvm_load_matrix_sync(b, 16, 16, 16, fragment, T.tvm_access_ptr(T.type_annotation("float16"), s, tile * 256, 256, 1), 16, "row_major")
            T.tvm_mma_sync(c, fragment, a, 0, b, fragment, c, fragment)
    for f in range(2):
        T.tvm_store_matrix_sync(c, 16, 16, 16, f, T.tvm_access_ptr(T.type_annotation("float32"), C.data, f * 256, 256, 2), 16, "row_major")
)"));
  EXPECT_FALSE(Mentions(source.text, "#pragma unroll\n  for (int tile = 0")) << source.text;
  EXPECT_TRUE(Mentions(source.text, "#pragma unroll\n    for (int fragment = 0")) << source.text;
  LaunchPlan plan;
  ExpectCompiles(source, &plan);
  if (!plan.kernels.empty()) {
    EXPECT_EQ(plan.kernels[0].stack_bytes, 0);
  }
}

// One tile of half precision from shared memory, through an accumulator, to global memory.
std::string TileOfHalves(std::string_view layout_a, std::string_view layout_b, std::string_view layout_c) {
  return StrCat(R"(
from tvm.script import tir as T
@T.prim_func
def main(A: T.Buffer((256,), "float16"), B: T.Buffer((256,), "float16"), C: T.Buffer((256,), "float32")):
    bx = T.launch_thread("blockIdx.x", 1)
    tx = T.launch_thread("threadIdx.x", 32)
    s = T.allocate([512], "float16", "shared")
    a = T.allocate([256], "float16", "wmma.matrix_a")
    b = T.allocate([256], "float16", "wmma.matrix_b")
    c = T.allocate([256], "float32", "wmma.accumulator")
    s_1 = T.Buffer((512,), "float16", data=s, scope="shared")
    for i in range(8):
        s_1[tx * 8 + i] = A[tx * 8 + i]
        s_1[256 + tx * 8 + i] = B[tx * 8 + i]
    T.tvm_storage_sync("shared")
    T.tvm_fill_fragment(c, 16, 16, 16, 0, T.float32(0))
    T.tvm_load_matrix_sync(a, 16, 16, 16, 0, T.tvm_access_ptr(T.type_annotation("float16"), s, 0, 256, 1), 16, ")",
                layout_a, R"(")
    T.tvm_load_matrix_sync(b, 16, 16, 16, 0, T.tvm_access_ptr(T.type_annotation("float16"), s, 256, 256, 1), 16, ")",
                layout_b, R"(")
    T.tvm_mma_sync(c, 0, a, 0, b, 0, c, 0)
    T.tvm_store_matrix_sync(c, 16, 16, 16, 0, T.tvm_access_ptr(T.type_annotation("float32"), C.data, 0, 256, 2), 16, ")",
                layout_c, "\")\n");
}

TEST(CudaCodegenTest, TilesOfHalvesInSharedMemoryUseLdmatrixAndMma) {
  for (const char* a : {"row_major", "col_major"}) {
    for (const char* b : {"row_major", "col_major"}) {
      ASSERT_OK_AND_ASSIGN(const CudaSource source, Emit(TileOfHalves(a, b, b), "sm_80"));
      EXPECT_TRUE(Mentions(source.text, "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32")) << source.text;
      EXPECT_FALSE(Mentions(source.text, "wmma.")) << source.text;
      // Memory that runs across what mma.sync wants of it is transposed by the load.
      const std::string loads[] = {StrCat("load_a_", std::string(a, 3)), StrCat("load_b_", std::string(b, 3))};
      for (const std::string& load : loads) EXPECT_TRUE(Mentions(source.text, load + "(")) << source.text;
      ExpectCompiles(source);
    }
  }
}

TEST(CudaCodegenTest, OlderDevicesKeepWmmaForHalves) {
  ASSERT_OK_AND_ASSIGN(const CudaSource source, Emit(TileOfHalves("row_major", "row_major", "row_major"), "sm_75"));
  EXPECT_TRUE(Mentions(source.text, "wmma.mma.sync")) << source.text;
  ExpectCompiles(source);
}

TEST(CudaCodegenTest, MmaAndLdmatrixAreInlineAssembly) {
  ASSERT_OK_AND_ASSIGN(const CudaSource source, Emit(R"(
from tvm.script import tir as T
@T.prim_func
def main(A: T.Buffer((256,), "float16"), B: T.Buffer((128,), "float16"), C: T.Buffer((128,), "float32")):
    tx = T.launch_thread("threadIdx.x", 32)
    s = T.allocate([256], "float16", "shared")
    a = T.allocate([8], "float16", "local")
    b = T.allocate([4], "float16", "local")
    c = T.allocate([4], "float32", "local")
    s_1 = T.Buffer((256,), "float16", data=s, scope="shared")
    b_1 = T.Buffer((4,), "float16", data=b, scope="local")
    c_1 = T.Buffer((4,), "float32", data=c, scope="local")
    s_1[T.Ramp(tx * 8, 1, 8)] = A[T.Ramp(tx * 8, 1, 8)]
    b_1[T.Ramp(0, 1, 4)] = B[T.Ramp(tx * 4, 1, 4)]
    for i in range(4):
        c_1[i] = T.float32(0)
    T.tvm_storage_sync("shared")
    T.ptx_ldmatrix(T.bool(False), 4, ".b16", a, 0, T.tvm_access_ptr(T.type_annotation("float16"), s, 0, 256, 1), tx % 16 * 16 + tx // 16 * 8, dtype="float16")
    T.ptx_mma("m16n8k16", "row", "col", "fp16", "fp16", "fp32", a, 0, b, 0, c, 0, T.bool(False), dtype="float32")
    C[T.Ramp(tx * 4, 1, 4)] = c_1[T.Ramp(0, 1, 4)]
)"));
  EXPECT_TRUE(Mentions(source.text, "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32")) << source.text;
  EXPECT_TRUE(Mentions(source.text, "ldmatrix.sync.aligned.m8n8.x4.shared.b16")) << source.text;
  ExpectCompiles(source);
}

TEST(CudaCodegenTest, AsynchronousCopiesUseTheCopyEngineWhereThereIsOne) {
  constexpr char kCopy[] = R"(
from tvm.script import tir as T
@T.prim_func
def main(A: T.Buffer((1024,), "float32"), B: T.Buffer((1024,), "float32")):
    tx = T.launch_thread("threadIdx.x", 128)
    s = T.allocate([1024], "float32", "shared")
    s_1 = T.Buffer((1024,), data=s, scope="shared")
    for i in range(2):
        with T.attr(0, "async_commit_queue_scope", 0):
            with T.attr(0, "async_scope", 1):
                s_1[T.Ramp(i * 512 + tx * 4, 1, 4)] = T.if_then_else(tx < 100, A[T.Ramp(i * 512 + tx * 4, 1, 4)], T.Broadcast(T.float32(0), 4))
    with T.attr(0, "async_wait_queue_scope", 0):
        with T.attr(0, "async_wait_inflight_count", 1):
            T.tvm_storage_sync("shared")
    for i in range(8):
        B[i * 128 + tx] = s_1[1023 - (i * 128 + tx)]
)";
  ASSERT_OK_AND_ASSIGN(const CudaSource source, Emit(kCopy));
  EXPECT_TRUE(Mentions(source.text, "cp_async_16(s + ")) << source.text;
  EXPECT_TRUE(Mentions(source.text, "cp_async_wait<1>();")) << source.text;
  ExpectCompiles(source);
  ASSERT_OK_AND_ASSIGN(const CudaSource older, Emit(kCopy, "sm_75"));
  EXPECT_FALSE(Mentions(older.text, "cp_async_16(s")) << older.text;
}

TEST(CudaCodegenTest, ShufflesTakeHalvesToo) {
  ASSERT_OK_AND_ASSIGN(const CudaSource source, Emit(R"(
from tvm.script import tir as T
@T.prim_func
def main(A: T.Buffer((32,), "float16"), B: T.Buffer((32,), "float16"), C: T.Buffer((32,), "int8")):
    tx = T.launch_thread("threadIdx.x", 32)
    r = T.allocate([1], "float16", "local")
    m = T.allocate([1], "uint32", "local")
    r_1 = T.Buffer((1,), "float16", data=r, scope="local")
    m_1 = T.Buffer((1,), "uint32", data=m, scope="local")
    r_1[0] = A[tx]
    m_1[0] = T.tvm_warp_activemask()
    r_1[0] = T.max(r_1[0], T.tvm_warp_shuffle_down(m_1[0], r_1[0], 16, 32, 32))
    B[tx] = T.Select(r_1[0] < T.float16(0), T.float16(0), T.exp(r_1[0]))
    C[tx] = C[tx] * T.int8(3) - T.int8(-7)
)"));
  EXPECT_TRUE(Mentions(source.text, "__shfl_down_sync")) << source.text;
  ExpectCompiles(source);
}

TEST(CudaCodegenTest, WorkOutsideOfKernelsIsRefused) {
  EXPECT_STATUS(Emit(R"(
from tvm.script import tir as T
@T.prim_func
def main(A: T.Buffer((32,), "float32")):
    for i in range(32):
        A[i] = T.float32(0)
)"),
                absl::StatusCode::kFailedPrecondition, "not bound to threads");
}

TEST(CudaCodegenTest, ALaunchThatNoDeviceCanDoIsRefused) {
  EXPECT_STATUS(Emit(R"(
from tvm.script import tir as T
@T.prim_func
def main(A: T.Buffer((2048,), "float32")):
    tx = T.launch_thread("threadIdx.x", 2048)
    A[tx] = T.float32(0)
)"),
                absl::StatusCode::kFailedPrecondition, "2048 threads");
  EXPECT_STATUS(Emit(R"(
from tvm.script import tir as T
@T.prim_func
def main(A: T.Buffer((128,), "float32")):
    tx = T.launch_thread("threadIdx.x", 128)
    s = T.allocate([65536], "float32", "shared")
    s_1 = T.Buffer((65536,), data=s, scope="shared")
    s_1[tx] = T.float32(0)
    A[tx] = s_1[tx]
)"),
                absl::StatusCode::kFailedPrecondition, "262144 bytes of shared memory");
}

TEST(CudaCodegenTest, SharedMemoryIsHeldAgainstWhatTheArchitectureHas) {
  const std::string uses_96_kib = R"(
from tvm.script import tir as T
@T.prim_func
def main(A: T.Buffer((128,), "float32")):
    tx = T.launch_thread("threadIdx.x", 128)
    s = T.allocate([24576], "float32", "shared")
    s_1 = T.Buffer((24576,), data=s, scope="shared")
    s_1[tx] = T.float32(0)
    A[tx] = s_1[tx]
)";
  std::string uses_100_kib = uses_96_kib;
  for (size_t at; (at = uses_100_kib.find("24576")) != std::string::npos;) uses_100_kib.replace(at, 5, "25600");
  for (const char* arch : {"sm_70", "sm_86", "sm_90", "sm_120"}) EXPECT_OK(Emit(uses_96_kib, arch).status()) << arch;
  EXPECT_STATUS(Emit(uses_96_kib, "sm_75"), absl::StatusCode::kFailedPrecondition, "sm_75 has 65536");
  EXPECT_OK(Emit(uses_100_kib, "sm_90").status());
  EXPECT_STATUS(Emit(uses_100_kib, "sm_120"), absl::StatusCode::kFailedPrecondition, "sm_120 has 101376");
}

TEST(CudaCodegenTest, AnArchitectureIsNeeded) {
  EXPECT_STATUS(CudaArchOf(Target::Parse("llvm").value()), absl::StatusCode::kInvalidArgument, "expected cuda");
  for (const char* json : {R"({"kind": "cuda", "arch": "gfx90a"})", R"({"kind": "cuda", "arch": "sm_20"})",
                           R"({"kind": "cuda", "arch": "sm_"})", R"({"kind": "cuda", "arch": ""})"}) {
    ASSERT_OK_AND_ASSIGN(const Target target, Target::Parse(json));
    EXPECT_STATUS(CudaArchOf(target), absl::StatusCode::kInvalidArgument, "expected a name such as sm_80");
  }
  ASSERT_OK_AND_ASSIGN(const Target without, Target::Parse("cuda"));
  ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(kScale));
  EXPECT_STATUS(EmitCuda(module, without), absl::StatusCode::kInvalidArgument, "target attribute arch is \"\"");
  EXPECT_STATUS(CompileCuda(module, without), absl::StatusCode::kInvalidArgument, "target attribute arch is \"\"");
  EXPECT_EQ(CudaArchOf(TargetFor("sm_90a")).value(), "sm_90a");
}

TEST(LaunchPlanTest, SurvivesEncoding) {
  LaunchPlan plan;
  plan.arch = "sm_90a";
  plan.temporary_bytes = {100, 200};
  plan.kernels.push_back({"k", {3, 2, 1}, {128, 1, 1}, 70000, {0, -2, 1}, 255, 4, 8, 16});
  const std::string bytes = EncodeCubin(plan, "image");
  ASSERT_OK_AND_ASSIGN(const DecodedCubin decoded, DecodeCubin(bytes));
  EXPECT_EQ(decoded.image, "image");
  EXPECT_EQ(decoded.plan.kernels[0].args, plan.kernels[0].args);
  EXPECT_EQ(decoded.plan.kernels[0].dynamic_shared_bytes, 70000u);
  EXPECT_STATUS(DecodeCubin("hone-cubin-1\n99\n{}"), absl::StatusCode::kDataLoss, "no cubin");
  EXPECT_STATUS(DecodeCubin("\x7f"
                            "ELF"),
                absl::StatusCode::kDataLoss, "no cubin");
  plan.kernels[0].args = {-3};
  EXPECT_STATUS(DecodeCubin(EncodeCubin(plan, "")), absl::StatusCode::kInvalidArgument, "temporary");
}

}  // namespace
}  // namespace hone::codegen
