#include "common/intrin/hexagon.h"

#include "common/intrin/text_template.h"
#include "common/support/strings.h"

namespace hone {
namespace {

// C[i] += A[k] * B[i, k] for 32 x $k.
constexpr char kHead[] = R"(
@T.prim_func
def main(a: T.handle, b: T.handle, c: T.handle):
    A = T.match_buffer(a, ($k,), "$a", offset_factor=1, scope="$scope")
    B = T.match_buffer(b, (32, $k), "$b", offset_factor=1, scope="$scope")
    C = T.match_buffer(c, (32,), "int32", offset_factor=1, scope="$scope")
    with T.block("root"):
        T.reads(C[0:32], A[0:$k], B[0:32, 0:$k])
        T.writes(C[0:32])
)";

constexpr char kLoops[] = R"(        for i in range(32):
            for k in range($k):
                with T.block("update"):
                    vi, vk = T.axis.remap("SR", [i, k])
                    C[vi] = C[vi] + T.Cast("int32", A[vk]) * T.Cast("int32", B[vi, vk])
)";

// The vector operand is B: 32 words of $k elements; the other is one word of A.
constexpr char kScalar[] = R"(        A_vec: T.$ax$k = A[0:$k]
        A_i32: T.int32 = T.reinterpret("int32", A_vec)
        B_vec: T.$bx$lanes = B[0, 0:$lanes]
        B_i32x32: T.int32x32 = T.reinterpret("int32x32", B_vec)
        C_i32x32: T.int32x32 = C[0:32]
        C[0:32] = T.call_llvm_pure_intrin("int32x32", "llvm.hexagon.V6.$op.acc.128B", T.uint32(3), C_i32x32, B_i32x32, A_i32)
)";

// Both operands are vectors: A's word is broadcast.
constexpr char kVector[] = R"(        A_vec: T.$ax$k = A[0:$k]
        A_i32: T.int32 = T.reinterpret("int32", A_vec)
        A_brdcst: T.int32x32 = T.Broadcast(A_i32, 32)
        B_vec: T.$bx$lanes = B[0, 0:$lanes]
        B_i32x32: T.int32x32 = T.reinterpret("int32x32", B_vec)
        C_i32x32: T.int32x32 = C[0:32]
        C[0:32] = T.call_llvm_pure_intrin("int32x32", "llvm.hexagon.V6.$op.acc.128B", T.uint32(3), C_i32x32, A_brdcst, B_i32x32)
)";

struct Dot {
  std::string_view name, a, b, k, lanes, scope, op, body;
};

IntrinText Make(const Dot& d) {
  const auto fill = [&](std::string_view text) {
    return Fill(text, {{"$scope", d.scope}, {"$lanes", d.lanes}, {"$op", d.op}, {"$a", d.a}, {"$b", d.b}, {"$k", d.k}});
  };
  return {std::string(d.name), fill(StrCat(kHead, kLoops)), fill(StrCat(kHead, d.body))};
}

constexpr char kDmaHead[] = R"(
@T.prim_func
def main(a: T.handle, c: T.handle):
    A = T.match_buffer(a, (128,), "$t", offset_factor=1, scope="global")
    C = T.match_buffer(c, (128,), "$t", offset_factor=1, scope="global.vtcm")
    with T.block("root"):
        T.reads(A[0:128])
        T.writes(C[0:128])
)";

constexpr char kDmaLoops[] = R"(        for i in range(128):
            with T.block("load"):
                vii = T.axis.remap("S", [i])
                C[vii] = A[vii]
)";

constexpr char kDmaCall[] =
    R"(        T.evaluate(T.tvm_call_packed("device_api.hexagon.dma_copy_dltensor", T.tvm_stack_make_array(T.address_of(C[0]), T.tvm_stack_make_shape(128), 0, 1, C[0], 0), T.tvm_stack_make_array(T.address_of(A[0]), T.tvm_stack_make_shape(128), 0, 1, A[0], 0), 128, T.bool(False)))
)";

IntrinText Dma(std::string_view name, std::string_view type) {
  const auto fill = [&](std::string_view text) { return Fill(text, {{"$t", type}}); };
  return {std::string(name), fill(StrCat(kDmaHead, kDmaLoops)), fill(StrCat(kDmaHead, kDmaCall))};
}

}  // namespace

std::vector<IntrinText> HexagonIntrins() {
  return {
      Make({"dot_32x4_u8u8i32_vrmpy", "uint8", "uint8", "4", "128", "global", "vrmpyub", kScalar}),
      Make({"dot_32x4_u8u8i32_vtcm_vrmpy", "uint8", "uint8", "4", "128", "global.vtcm", "vrmpyub", kScalar}),
      Make({"dot_32x4_u8i8i32_vrmpy", "uint8", "int8", "4", "128", "global", "vrmpybusv", kVector}),
      Make({"dot_32x4_u8i8i32_vtcm_vrmpy", "uint8", "int8", "4", "128", "global.vtcm", "vrmpybusv", kVector}),
      Make({"dot_product_32x2_i16i16i32_vdmpy", "int16", "int16", "2", "64", "global", "vdmpyhvsat", kVector}),
      Dma("dma_read_128_u8", "uint8"),
      Dma("dma_read_128_i8", "int8"),
  };
}

}  // namespace hone
