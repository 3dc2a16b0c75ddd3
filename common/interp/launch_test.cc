// Threads of a GPU: where they meet, what they share, what arrives when.
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "common/interp/interpreter.h"
#include "common/script/parser.h"
#include "common/support/status_matchers.h"

namespace hone::interp {
namespace {

std::vector<Tensor> RunText(std::string_view text, absl::Status* status = nullptr) {
  absl::StatusOr<ir::IRModule> module = script::ParseModule(text);
  EXPECT_OK(module);
  if (!module.ok()) return {};
  absl::StatusOr<std::vector<Tensor>> args = RandomArgs(*module, 1);
  EXPECT_OK(args);
  const absl::Status run = Interpret(*module, absl::MakeSpan(*args));
  if (status != nullptr) {
    *status = run;
  } else {
    EXPECT_OK(run);
  }
  return *args;
}

TEST(LaunchTest, AnAllReduceBelowBoundLoopsSumsAcrossThreads) {
  const std::vector<Tensor> args = RunText(R"(
@T.prim_func
def main(A: T.Buffer((4, 16), "float32"), B: T.Buffer((4,), "float32")):
    cross_thread_B = T.alloc_buffer((1,), scope="local")
    for ty in T.thread_binding(4, thread="threadIdx.y"):
        for tx in T.thread_binding(16, thread="threadIdx.x"):
            with T.block("B_cross_thread"):
                T.reads(A[ty, tx])
                T.writes(cross_thread_B[0])
                T.attr(T.comm_reducer(lambda x, y: x + y, [T.float32(0)]), "reduce_scope", T.reinterpret("handle", T.uint64(0)))
                T.tvm_thread_allreduce(T.uint32(1), A[ty, tx], T.bool(True), cross_thread_B[0], tx)
            with T.block("B_write_back"):
                T.where(tx == 0)
                T.reads(cross_thread_B[0])
                T.writes(B[ty])
                B[ty] = cross_thread_B[0]
)");
  ASSERT_EQ(args.size(), 2u);
  for (int row = 0; row < 4; ++row) {
    double sum = 0;
    for (int x = 0; x < 16; ++x) sum += args[0].At(row * 16 + x);
    EXPECT_NEAR(args[1].At(row), sum, 1e-5);
  }
}

TEST(LaunchTest, AShuffleReadsTheOtherLanesOfItsWarp) {
  const std::vector<Tensor> args = RunText(R"(
@T.prim_func
def main(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
    tx = T.launch_thread("threadIdx.x", 64)
    B[tx] = T.tvm_warp_shuffle_down(T.tvm_warp_activemask(), A[tx], 1, 32, 32)
)");
  for (int t = 0; t < 64; ++t) EXPECT_EQ(args[1].At(t), args[0].At(t % 32 == 31 ? t : t + 1)) << t;
}

TEST(LaunchTest, LanesThatAreNotThereDoNotTakePart) {
  const std::vector<Tensor> args = RunText(R"(
@T.prim_func
def main(A: T.Buffer((32,), "float32"), B: T.Buffer((32,), "float32")):
    tx = T.launch_thread("threadIdx.x", 32)
    s = T.allocate([32], "float32", "shared")
    S = T.Buffer((32,), data=s, scope="shared")
    S[tx] = A[tx]
    if tx < 16:
        S[tx] = T.tvm_warp_shuffle_down(T.tvm_warp_activemask(), A[tx], 8, 32, 32)
    T.tvm_storage_sync("shared")
    B[tx] = S[31 - tx]
)");
  for (int t = 0; t < 32; ++t) {
    const int from = 31 - t;
    EXPECT_EQ(args[1].At(t), args[0].At(from < 8 ? from + 8 : from)) << t;
  }
}

TEST(LaunchTest, DifferentBarriersAreAnError) {
  absl::Status status;
  RunText(R"(
@T.prim_func
def main(A: T.Buffer((64,), "float32")):
    tx = T.launch_thread("threadIdx.x", 64)
    if tx < 32:
        A[tx] = T.float32(1)
        T.tvm_storage_sync("shared")
    else:
        T.tvm_storage_sync("shared")
)",
          &status);
  EXPECT_STATUS(status, absl::StatusCode::kInvalidArgument, "different barriers");
}

// B = A through shared memory, waiting for all but `in_flight` groups.
std::string AsyncCopy(int in_flight) {
  std::string text = R"(
@T.prim_func
def main(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
    tx = T.launch_thread("threadIdx.x", 16)
    s = T.allocate([64], "float32", "shared")
    S = T.Buffer((64,), data=s, scope="shared")
    T.ptx_cp_async("float32", S.data, tx * 4, A.data, tx * 4, 16)
    T.ptx_commit_group()
    T.ptx_wait_group(0)
    T.tvm_storage_sync("shared")
    for i in range(4):
        B[tx * 4 + i] = S[63 - (tx * 4 + i)]
)";
  text.replace(text.find("wait_group(0") + 11, 1, std::to_string(in_flight));
  return text;
}

TEST(LaunchTest, AnAsynchronousCopyArrivesWithTheWait) {
  const std::vector<Tensor> args = RunText(AsyncCopy(0));
  for (int i = 0; i < 64; ++i) EXPECT_EQ(args[1].At(i), args[0].At(63 - i));
}

TEST(LaunchTest, WithoutItsWaitAnAsynchronousCopyHasNotArrived) {
  const std::vector<Tensor> args = RunText(AsyncCopy(1));
  EXPECT_TRUE(std::isnan(args[1].At(0)));
}

TEST(LaunchTest, AWarpMultipliesMatricesInRegisters) {
  // C = A * B by ldmatrix and mma; every lane holds two A rows' pairs, a B column's pair and four sums.
  const std::vector<Tensor> args = RunText(R"(
@T.prim_func
def main(A: T.Buffer((16, 8), "float16"), B: T.Buffer((8, 8), "float16"), C: T.Buffer((16, 8), "float32")):
    tx = T.launch_thread("threadIdx.x", 32)
    sa = T.allocate([128], "float16", "shared")
    sb = T.allocate([64], "float16", "shared")
    ra = T.allocate([4], "float16", "local")
    rb = T.allocate([2], "float16", "local")
    rc = T.allocate([4], "float32", "local")
    SA = T.Buffer((128,), "float16", data=sa, scope="shared")
    SB = T.Buffer((64,), "float16", data=sb, scope="shared")
    RC = T.Buffer((4,), "float32", data=rc, scope="local")
    for i in range(4):
        SA[tx * 4 + i] = A[tx // 2, tx % 2 * 4 + i]
    for i in range(2):
        SB[tx * 2 + i] = B[tx // 4, tx % 4 * 2 + i]
    for i in range(4):
        RC[i] = T.float32(0)
    T.tvm_storage_sync("shared")
    T.ptx_ldmatrix("float16", T.bool(False), 2, ".b16", ra, 0, sa, tx % 16 * 8)
    T.ptx_ldmatrix("float16", T.bool(True), 1, ".b16", rb, 0, sb, tx % 8 * 8)
    T.ptx_mma("float32", "m16n8k8", "row", "col", "fp16", "fp16", "fp32", ra, 0, rb, 0, rc, 0, T.bool(False))
    for i in range(4):
        C[tx // 4 + i // 2 * 8, tx % 4 * 2 + i % 2] = RC[i]
)");
  for (int i = 0; i < 16; ++i) {
    for (int j = 0; j < 8; ++j) {
      double sum = 0;
      for (int k = 0; k < 8; ++k) sum += args[0].At(i * 8 + k) * args[1].At(k * 8 + j);
      EXPECT_NEAR(args[2].At(i * 8 + j), sum, 1e-2) << i << ", " << j;
    }
  }
}

TEST(LaunchTest, AKernelOfTheModuleIsLaunchedByName) {
  const std::vector<Tensor> args = RunText(R"(
@I.ir_module
class Module:
    @T.prim_func
    def main(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32")):
        T.func_attr({"tir.is_entry_func": True})
        T.call_packed("main_kernel", A.data, B.data, 2, 4)

    @T.prim_func
    def main_kernel(a: T.handle("float32"), b: T.handle("float32")):
        A = T.decl_buffer((8,), data=a)
        B = T.decl_buffer((8,), data=b)
        bx = T.launch_thread("blockIdx.x", 2)
        tx = T.launch_thread("threadIdx.x", 4)
        B[bx * 4 + tx] = A[bx * 4 + tx] + T.float32(1)
)");
  for (int i = 0; i < 8; ++i) EXPECT_NEAR(args[1].At(i), args[0].At(i) + 1, 1e-6);
}

}  // namespace
}  // namespace hone::interp
