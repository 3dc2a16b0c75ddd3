#include "common/intrin/arm.h"

#include "common/intrin/text_template.h"
#include "common/support/strings.h"

namespace hone {
namespace {

// C[i] += A[k] * B[i, k] for 4 x 4; $in -> $out.
constexpr char kHead[] = R"(
@T.prim_func
def main(a: T.handle, b: T.handle, c: T.handle):
    A = T.match_buffer(a, (4,), "$in", offset_factor=1)
    B = T.match_buffer(b, (4, 4), "$in", offset_factor=1)
    C = T.match_buffer(c, (4,), "$out", offset_factor=1)
    with T.block("root"):
        T.reads(C[0:4], A[0:4], B[0:4, 0:4])
        T.writes(C[0:4])
)";

constexpr char kLoops[] = R"(        for i in range(4):
            for k in range(4):
                with T.block("update"):
                    vi, vk = T.axis.remap("SR", [i, k])
                    C[vi] = C[vi] + T.Cast("$out", A[vk]) * T.Cast("$out", B[vi, vk])
)";

// SMULL widens eight byte products to 16 bits, SADDLP adds neighbours into 32 bits, ADDP adds neighbours of two
// vectors (Arm ARM, C7.2). A is broadcast to eight lanes; two halves of B make two rows of C each.
constexpr char kNeon[] = R"(        A_vec: T.int8x4 = A[0:4]
        A_i32: T.int32 = T.reinterpret("int32", A_vec)
        vec_ai32: T.int32x2 = T.Broadcast(A_i32, 2)
        vec_a: T.int8x8 = T.reinterpret("int8x8", vec_ai32)
        vec_b: T.int8x8 = B[0, 0:8]
        multiply: T.int16x8 = T.call_llvm_pure_intrin("int16x8", "llvm.aarch64.neon.smull.v8i16", T.uint32(2), vec_a, vec_b)
        add1: T.int32x4 = T.call_llvm_pure_intrin("int32x4", "llvm.aarch64.neon.saddlp.v4i32.v8i16", T.uint32(1), multiply)
        vec_b_2: T.int8x8 = B[2, 0:8]
        multiply_2: T.int16x8 = T.call_llvm_pure_intrin("int16x8", "llvm.aarch64.neon.smull.v8i16", T.uint32(2), vec_a, vec_b_2)
        add2: T.int32x4 = T.call_llvm_pure_intrin("int32x4", "llvm.aarch64.neon.saddlp.v4i32.v8i16", T.uint32(1), multiply_2)
        C[0:4] = C[0:4] + T.call_llvm_pure_intrin("int32x4", "llvm.aarch64.neon.addp.v4i32", T.uint32(2), add1, add2)
)";

// SDOT and UDOT: four byte products a 32-bit lane, added to it.
constexpr char kDot[] = R"(        A_i8x4: T.$inx4 = A[0:4]
        A_i32: T.$word = T.reinterpret("$word", A_i8x4)
        vec_ai32: T.$wordx4 = T.Broadcast(A_i32, 4)
        vec_a: T.$inx16 = T.reinterpret("$inx16", vec_ai32)
        vec_b: T.$inx16 = B[0, 0:16]
        vec_c: T.$outx4 = C[0:4]
        C[0:4] = T.call_llvm_pure_intrin("$outx4", "llvm.aarch64.neon.$op.v4i32.v16i8", T.uint32(3), vec_c, vec_a, vec_b)
)";

IntrinText Dot(std::string_view name, std::string_view in, std::string_view out, std::string_view word,
               std::string_view op, std::string_view body = kDot) {
  const auto fill = [&](std::string_view text) {
    return Fill(text, {{"$in", in}, {"$out", out}, {"$word", word}, {"$op", op}});
  };
  return {std::string(name), fill(StrCat(kHead, kLoops)), fill(StrCat(kHead, body))};
}

}  // namespace

std::vector<IntrinText> ArmIntrins() {
  return {
      Dot("dot_4x4_i8i8s32_neon", "int8", "int32", "int32", "", kNeon),
      Dot("dot_4x4_i8i8s32_sdot", "int8", "int32", "int32", "sdot"),
      Dot("dot_4x4_u8u8u32_udot", "uint8", "uint32", "uint32", "udot"),
      Dot("dot_4x4_u8u8i32_hdot", "uint8", "int32", "uint32", "udot"),
  };
}

}  // namespace hone
