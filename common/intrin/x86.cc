#include "common/intrin/x86.h"

namespace hone {
namespace {

// C[i] += A[k] * B[i, k] for 16 x 4, uint8 x int8 -> int32.
constexpr char kDot16x4Description[] = R"(
@T.prim_func
def main(a: T.handle, b: T.handle, c: T.handle):
    A = T.match_buffer(a, (4,), "uint8", offset_factor=1)
    B = T.match_buffer(b, (16, 4), "int8", offset_factor=1)
    C = T.match_buffer(c, (16,), "int32", offset_factor=1)
    with T.block("root"):
        T.reads(C[0:16], A[0:4], B[0:16, 0:4])
        T.writes(C[0:16])
        for i in range(16):
            for k in range(4):
                with T.block("update"):
                    vi, vk = T.axis.remap("SR", [i, k])
                    C[vi] = C[vi] + T.Cast("int32", A[vk]) * T.Cast("int32", B[vi, vk])
)";

// Intel SDM, VPDPBUSD: four byte products a 32-bit lane, added to it without saturation.
constexpr char kDot16x4Vnni[] = R"(
@T.prim_func
def main(a: T.handle, b: T.handle, c: T.handle):
    A = T.match_buffer(a, (4,), "uint8", offset_factor=1)
    B = T.match_buffer(b, (16, 4), "int8", offset_factor=1)
    C = T.match_buffer(c, (16,), "int32", offset_factor=1)
    with T.block("root"):
        T.reads(C[0:16], A[0:4], B[0:16, 0:4])
        T.writes(C[0:16])
        A_u8x4: T.uint8x4 = A[0:4]
        A_i32: T.int32 = T.reinterpret("int32", A_u8x4)
        B_i8x64: T.int8x64 = B[0, 0:64]
        B_i32x16: T.int32x16 = T.reinterpret("int32x16", B_i8x64)
        C_i32x16: T.int32x16 = C[0:16]
        C[0:16] = T.call_llvm_pure_intrin("int32x16", "llvm.x86.avx512.vpdpbusd.512", T.uint32(3), C_i32x16, T.Broadcast(A_i32, 16), B_i32x16)
)";

// Intel SDM, VPMADDUBSW (pairs of byte products, saturated to 16 bits) and VPMADDWD with ones.
constexpr char kDot16x4Avx512[] = R"(
@T.prim_func
def main(a: T.handle, b: T.handle, c: T.handle):
    A = T.match_buffer(a, (4,), "uint8", offset_factor=1)
    B = T.match_buffer(b, (16, 4), "int8", offset_factor=1)
    C = T.match_buffer(c, (16,), "int32", offset_factor=1)
    with T.block("root"):
        T.reads(C[0:16], A[0:4], B[0:16, 0:4])
        T.writes(C[0:16])
        A_u8x4: T.uint8x4 = A[0:4]
        A_i32: T.int32 = T.reinterpret("int32", A_u8x4)
        A_brdcst: T.int32x16 = T.Broadcast(A_i32, 16)
        A_u8x64: T.uint8x64 = T.reinterpret("uint8x64", A_brdcst)
        B_i8x64: T.int8x64 = B[0, 0:64]
        Red: T.int16x32 = T.call_llvm_pure_intrin("int16x32", "llvm.x86.avx512.pmaddubs.w.512", T.uint32(2), A_u8x64, B_i8x64)
        C[0:16] = C[0:16] + T.call_llvm_pure_intrin("int32x16", "llvm.x86.avx512.pmaddw.d.512", T.uint32(2), Red, T.Broadcast(T.int16(1), 32))
)";

}  // namespace

std::vector<IntrinText> X86Intrins() {
  return {
      {"dot_16x4_vnni", kDot16x4Description, kDot16x4Vnni},
      {"dot_16x4_avx512", kDot16x4Description, kDot16x4Avx512},
  };
}

}  // namespace hone
