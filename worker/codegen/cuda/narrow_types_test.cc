// bfloat16, half and bytes on GPUs. Each lowered program is run by the interpreter, whose results are held against
// values computed here, and its source is compiled where there is NVRTC.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "common/interp/interpreter.h"
#include "common/interp/tensor.h"
#include "common/script/parser.h"
#include "common/support/status_matchers.h"
#include "common/target/target.h"
#include "gtest/gtest.h"
#include "worker/codegen/cuda/cuda_codegen.h"
#include "worker/codegen/cuda/testing/compiled.h"

namespace hone::codegen {
namespace {

using interp::RoundTo;
using interp::Tensor;
using interp::WrapTo;
using ir::DataType;

const DataType kBf16 = DataType::BFloat16(), kHalf = DataType::Float(16), kInt8 = DataType::Int(8);

class NarrowTypesTest : public ::testing::Test {
 protected:
  // Parses the lowered program, writes and compiles its source, and runs it on random inputs.
  void Use(const std::string& script) {
    ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(script));
    ASSERT_OK_AND_ASSIGN(const Target target, Target::Parse("cuda -arch=sm_90"));
    ASSERT_OK_AND_ASSIGN(source_, EmitCuda(module, target));
    ExpectCompiles(source_);
    constexpr uint64_t kSeed = 11;
    ASSERT_OK_AND_ASSIGN(args_, interp::RandomArgs(module, kSeed));
    ASSERT_OK(interp::Interpret(module, absl::MakeSpan(args_)));
  }
  double At(size_t arg, int64_t i) const { return args_[arg].At(i); }
  int64_t Int(size_t arg, int64_t i) const { return static_cast<int64_t>(args_[arg].At(i)); }
  bool Has(const std::string& part) const { return source_.text.find(part) != std::string::npos; }

  CudaSource source_;
  std::vector<Tensor> args_;
};

TEST_F(NarrowTypesTest, BFloat16ArithmeticRoundsAfterEveryOperation) {
  ASSERT_NO_FATAL_FAILURE(Use(R"(
@T.prim_func
def main(A: T.Buffer((64,), "bfloat16"), B: T.Buffer((64,), "bfloat16"), C: T.Buffer((64,), "bfloat16"), D: T.Buffer((64,), "bfloat16"), E: T.Buffer((64,), "int8")):
    tx = T.launch_thread("threadIdx.x", 64)
    C[tx] = A[tx] * B[tx] + A[tx] / (B[tx] + T.bfloat16(2))
    D[tx] = T.max(A[tx] - B[tx], T.min(A[tx], T.bfloat16(0.25)))
    E[tx] = T.Select(A[tx] < B[tx], T.int8(1), T.int8(-1))
)"));
  EXPECT_TRUE(Has("struct bfloat16")) << source_.text;
  EXPECT_FALSE(Has("struct half")) << source_.text;
  EXPECT_TRUE(Has("float(A[threadIdx_x]) < float(B[threadIdx_x])")) << source_.text;
  const auto rounded = [](double x) { return RoundTo(kBf16, x); };
  for (int i = 0; i < 64; ++i) {
    const double a = At(0, i), b = At(1, i);
    EXPECT_EQ(At(2, i), rounded(rounded(a * b) + rounded(a / rounded(b + 2)))) << i;
    EXPECT_EQ(At(3, i), std::max(rounded(a - b), std::min(a, 0.25))) << i;
    EXPECT_EQ(At(4, i), a < b ? 1 : -1) << i;
  }
}

TEST_F(NarrowTypesTest, BFloat16ConvertsToAndFromTheOtherTypes) {
  ASSERT_NO_FATAL_FAILURE(Use(R"(
@T.prim_func
def main(A: T.Buffer((64,), "bfloat16"), X: T.Buffer((64,), "float32"), I: T.Buffer((64,), "int8"), H: T.Buffer((64,), "float16"), toF: T.Buffer((64,), "float32"), toI: T.Buffer((64,), "int32"), toH: T.Buffer((64,), "float16"), fromF: T.Buffer((64,), "bfloat16"), fromI: T.Buffer((64,), "bfloat16"), fromH: T.Buffer((64,), "bfloat16"), toD: T.Buffer((64,), "float64")):
    tx = T.launch_thread("threadIdx.x", 64)
    toF[tx] = T.Cast("float32", A[tx]) * T.float32(3)
    toI[tx] = T.Cast("int32", A[tx] * T.bfloat16(100))
    toH[tx] = T.Cast("float16", A[tx])
    fromF[tx] = T.Cast("bfloat16", X[tx])
    fromI[tx] = T.Cast("bfloat16", I[tx])
    fromH[tx] = T.Cast("bfloat16", H[tx])
    toD[tx] = T.Cast("float64", A[tx])
)"));
  for (int i = 0; i < 64; ++i) {
    const double a = At(0, i);
    EXPECT_EQ(At(4, i), static_cast<float>(a) * 3.0f) << i;
    EXPECT_EQ(At(5, i), std::trunc(RoundTo(kBf16, a * 100))) << i;
    EXPECT_EQ(At(6, i), RoundTo(kHalf, a)) << i;
    EXPECT_EQ(At(7, i), RoundTo(kBf16, At(1, i))) << i;
    EXPECT_EQ(At(8, i), RoundTo(kBf16, At(2, i))) << i;
    EXPECT_EQ(At(9, i), RoundTo(kBf16, At(3, i))) << i;
    EXPECT_EQ(At(10, i), a) << i;
  }
}

TEST_F(NarrowTypesTest, EightBFloat16AreMovedByOneAccess) {
  ASSERT_NO_FATAL_FAILURE(Use(R"(
@T.prim_func
def main(A: T.Buffer((512,), "bfloat16"), B: T.Buffer((512,), "bfloat16"), C: T.Buffer((512,), "bfloat16")):
    tx = T.launch_thread("threadIdx.x", 64)
    s = T.allocate([512], "bfloat16", "shared")
    S = T.Buffer((512,), "bfloat16", data=s, scope="shared")
    with T.attr(0, "async_commit_queue_scope", 0):
        with T.attr(0, "async_scope", 1):
            S[T.Ramp(tx * 8, 1, 8)] = A[T.Ramp(tx * 8, 1, 8)]
    with T.attr(0, "async_wait_queue_scope", 0):
        with T.attr(0, "async_wait_inflight_count", 0):
            T.tvm_storage_sync("shared")
    C[T.Ramp(tx * 8, 1, 8)] = S[T.Ramp((63 - tx) * 8, 1, 8)] * B[T.Ramp(tx * 8, 1, 8)] + T.Broadcast(T.bfloat16(0.5), 8)
)"));
  EXPECT_TRUE(Has("cp_async_16(s + ")) << source_.text;
  EXPECT_TRUE(Has("*(const bfloat16x8*)")) << source_.text;
  EXPECT_TRUE(Has("*(bfloat16x8*)")) << source_.text;
  for (int i = 0; i < 512; ++i) {
    const double product = RoundTo(kBf16, At(0, (63 - i / 8) * 8 + i % 8) * At(1, i));
    EXPECT_EQ(At(2, i), RoundTo(kBf16, product + 0.5)) << i;
  }
}

TEST_F(NarrowTypesTest, BFloat16IsShuffledAndExponentiatedAsItsBitsAndItsValue) {
  ASSERT_NO_FATAL_FAILURE(Use(R"(
@T.prim_func
def main(A: T.Buffer((32,), "bfloat16"), B: T.Buffer((32,), "bfloat16"), C: T.Buffer((32,), "bfloat16")):
    tx = T.launch_thread("threadIdx.x", 32)
    B[tx] = T.tvm_warp_shuffle_down(T.tvm_warp_activemask(), A[tx], 4, 32, 32)
    C[tx] = T.exp(A[tx])
)"));
  EXPECT_TRUE(Has("bitcast<bfloat16>((unsigned short)__shfl_down_sync")) << source_.text;
  for (int i = 0; i < 32; ++i) {
    EXPECT_EQ(At(1, i), At(0, i + 4 < 32 ? i + 4 : i)) << i;
    EXPECT_EQ(At(2, i), RoundTo(kBf16, std::exp(At(0, i)))) << i;
  }
}

TEST_F(NarrowTypesTest, PairsOfHalvesAreMovedTogetherAndRoundOneByOne) {
  ASSERT_NO_FATAL_FAILURE(Use(R"(
@T.prim_func
def main(A: T.Buffer((128,), "float16"), B: T.Buffer((128,), "float16"), C: T.Buffer((128,), "float16"), D: T.Buffer((128,), "float32")):
    tx = T.launch_thread("threadIdx.x", 64)
    C[T.Ramp(tx * 2, 1, 2)] = T.max(A[T.Ramp(tx * 2, 1, 2)] * B[T.Ramp(tx * 2, 1, 2)] + A[T.Ramp(tx * 2, 1, 2)], T.Broadcast(T.float16(0), 2))
    D[T.Ramp(tx * 2, 1, 2)] = T.Cast("float32x2", A[T.Ramp(tx * 2, 1, 2)]) * T.Cast("float32x2", B[T.Ramp(tx * 2, 1, 2)])
)"));
  EXPECT_TRUE(Has("*(const halfx2*)")) << source_.text;
  EXPECT_TRUE(Has("*(halfx2*)")) << source_.text;
  EXPECT_TRUE(Has("*(floatx2*)")) << source_.text;
  for (int i = 0; i < 128; ++i) {
    const double a = At(0, i), b = At(1, i);
    EXPECT_EQ(At(2, i), std::max(0.0, RoundTo(kHalf, RoundTo(kHalf, a * b) + a))) << i;
    EXPECT_EQ(At(3, i), a * b) << i;
  }
}

TEST_F(NarrowTypesTest, SixteenBytesAreMovedByOneAccessAndArithmeticWraps) {
  ASSERT_NO_FATAL_FAILURE(Use(R"(
@T.prim_func
def main(A: T.Buffer((1024,), "int8"), B: T.Buffer((1024,), "int8"), C: T.Buffer((1024,), "int8"), D: T.Buffer((1024,), "int8"), E: T.Buffer((1024,), "int32")):
    tx = T.launch_thread("threadIdx.x", 64)
    C[T.Ramp(tx * 16, 1, 16)] = A[T.Ramp(tx * 16, 1, 16)]
    D[T.Ramp(tx * 16, 1, 16)] = A[T.Ramp(tx * 16, 1, 16)] * B[T.Ramp(tx * 16, 1, 16)] - T.Broadcast(T.int8(-7), 16)
    for i in range(4):
        E[T.Ramp(tx * 16 + i * 4, 1, 4)] = T.Cast("int32x4", T.max(A[T.Ramp(tx * 16 + i * 4, 1, 4)], B[T.Ramp(tx * 16 + i * 4, 1, 4)])) * T.Broadcast(1000, 4)
)"));
  EXPECT_TRUE(Has("*(int8x16*)(C + ")) << source_.text;
  EXPECT_TRUE(Has("*(const int8x16*)(A + ")) << source_.text;
  EXPECT_TRUE(Has("*(const int8x4*)(B + ")) << source_.text;
  for (int i = 0; i < 1024; ++i) {
    const int64_t a = Int(0, i), b = Int(1, i);
    EXPECT_EQ(Int(2, i), a) << i;
    EXPECT_EQ(Int(3, i), WrapTo(kInt8, WrapTo(kInt8, a * b) + 7)) << i;
    EXPECT_EQ(Int(4, i), 1000 * std::max(a, b)) << i;
  }
}

TEST_F(NarrowTypesTest, BytesThatAreNotAlignedAreMovedOneByOne) {
  ASSERT_NO_FATAL_FAILURE(Use(R"(
@T.prim_func
def main(A: T.Buffer((257,), "int8"), B: T.Buffer((256,), "int8")):
    tx = T.launch_thread("threadIdx.x", 64)
    B[T.Ramp(tx * 4, 1, 4)] = A[T.Ramp(tx * 4 + 1, 1, 4)]
)"));
  EXPECT_FALSE(Has("*(const int8x")) << source_.text;
  EXPECT_TRUE(Has("*(int8x4*)")) << source_.text;
  for (int i = 0; i < 256; ++i) EXPECT_EQ(Int(1, i), Int(0, i + 1)) << i;
}

// Four products of bytes and a sum, by the external function that tensor intrinsics call and by the builtin.
TEST_F(NarrowTypesTest, DotProductsOfBytesMindTheSignOfEachFactor) {
  struct Form {
    const char *a, *b, *sum;
    const char* call;  // In the source.
  };
  constexpr Form kForms[] = {{"int8", "int8", "int32", "__dp4a(bitcast<int>("},
                             {"uint8", "int8", "int32", "dp4a_us(bitcast<unsigned>("},
                             {"int8", "uint8", "int32", "dp4a_su(bitcast<int>("},
                             {"uint8", "uint8", "uint32", "__dp4a(bitcast<unsigned>("}};
  for (const Form& form : kForms) {
    SCOPED_TRACE(std::string(form.a) + " " + form.b);
    const std::string a = form.a, b = form.b, sum = form.sum;
    const std::string builtin =
        sum == "int32" ? "T.dp4a(A[T.Ramp(tx * 4, 1, 4)], B[T.Ramp(tx * 4, 1, 4)], D[tx])" : "D[tx]";
    ASSERT_NO_FATAL_FAILURE(Use("@T.prim_func\ndef main(A: T.Buffer((256,), \"" + a + "\"), B: T.Buffer((256,), \"" +
                                b + "\"), C: T.Buffer((64,), \"" + sum + "\"), D: T.Buffer((64,), \"" + sum +
                                "\")):\n" + "    tx = T.launch_thread(\"threadIdx.x\", 64)\n    D[tx] = T." + sum +
                                "(5)\n" + "    C[tx] = T.call_pure_extern(\"" + sum +
                                "\", \"__dp4a\", A[T.Ramp(tx * 4, 1, 4)], " +
                                "B[T.Ramp(tx * 4, 1, 4)], D[tx])\n    D[tx] = " + builtin + "\n"));
    EXPECT_TRUE(Has(std::string(" = ") + form.call)) << source_.text;
    for (int i = 0; i < 64; ++i) {
      int64_t products = 0;
      for (int k = 0; k < 4; ++k) products += Int(0, 4 * i + k) * Int(1, 4 * i + k);
      EXPECT_EQ(Int(2, i), 5 + products) << i;
      EXPECT_EQ(Int(3, i), sum == "int32" ? 5 + products : 5) << i;
    }
  }
}

}  // namespace
}  // namespace hone::codegen
