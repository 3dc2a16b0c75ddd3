#include "bench/dot_kernels.h"

#include "absl/strings/str_replace.h"

namespace hone::bench {
namespace {

constexpr char kHead[] = R"(
@T.prim_func
def main(A: T.Buffer(($M, $K), "$TA"), B: T.Buffer(($K, $N), "$TB"), C: T.Buffer(($M, $N), "$TC")):
    T.func_attr({"tir.noalias": T.bool(True)})
)";

constexpr char kTiled[] = R"(
    Bp = T.alloc_buffer(($N // $NR, $K // $G, $NR), "int32")
    for jo in $PARALLEL($N // $NR):
        for k in range($K // $G):
            for ji in T.vectorized($NR):
                with T.block("pack_b"):
                    vjo, vk, vji = T.axis.remap("SSS", [jo, k, ji])
                    T.reads(B[vk * $G:vk * $G + $G, vjo * $NR + vji])
                    T.writes(Bp[vjo, vk, vji])
                    Bp[vjo, vk, vji] = $WORD
    for mo in $PARALLEL($M // $MC):
        for ko in range($K // $KC):
            for jo in range($N // $NR):
                for io in range($MC // $MR):
                    for ii in T.unroll($MR):
                        for ji in T.vectorized($NR):
                            with T.block("init"):
                                T.where(ko == 0)
                                vi = T.axis.spatial($M, mo * $MC + io * $MR + ii)
                                vj = T.axis.spatial($N, jo * $NR + ji)
                                T.reads()
                                T.writes(C[vi, vj])
                                C[vi, vj] = T.Cast("$TC", 0)
                    for ki in range($KC // $G):
                        for ii in T.unroll($MR):
                            for ji in T.unroll($NR // 16):
                                with T.block("update"):
                                    vi = T.axis.spatial($M, mo * $MC + io * $MR + ii)
                                    vj = T.axis.spatial($N // 16, jo * ($NR // 16) + ji)
                                    vk = T.axis.reduce($K // $G, ko * ($KC // $G) + ki)
                                    T.reads(C[vi, vj * 16:vj * 16 + 16], A[vi, vk * $G:vk * $G + $G], Bp[vj // ($NR // 16), vk, vj % ($NR // 16) * 16:vj % ($NR // 16) * 16 + 16])
                                    T.writes(C[vi, vj * 16:vj * 16 + 16])
                                    C[vi, vj * 16:vj * 16 + 16] = T.call_llvm_pure_intrin("$TCx16", "$INSTRUCTION", T.uint32(3), C[vi, vj * 16:vj * 16 + 16], T.Broadcast(T.reinterpret("int32", A[vi, vk * $G:vk * $G + $G]), 16), Bp[vj // ($NR // 16), vk, vj % ($NR // 16) * 16:vj % ($NR // 16) * 16 + 16])
)";

constexpr char kPlain[] = R"(
    for i, k, j in T.grid($M, $K, $N):
        with T.block("C"):
            vi, vk, vj = T.axis.remap("SRS", [i, k, j])
            T.reads(A[vi, vk], B[vk, vj])
            T.writes(C[vi, vj])
            with T.init():
                C[vi, vj] = T.Cast("$TC", 0)
            C[vi, vj] = C[vi, vj] + T.Cast("$TC", A[vi, vk]) * T.Cast("$TC", B[vk, vj])
)";

// The bits of element `part` of a group, as the low bits of an int32.
std::string Part(const DotMatmul& shape, int part) {
  const std::string place = "B[vk * $G + " + std::to_string(part) + ", vjo * $NR + vji]";
  if (shape.bfloat16) return "T.Cast(\"int32\", T.reinterpret(\"uint16\", " + place + "))";
  return "T.bitwise_and(T.Cast(\"int32\", " + place + "), 255)";
}

std::string Word(const DotMatmul& shape) {
  const int parts = shape.bfloat16 ? 2 : 4;
  std::string word = Part(shape, 0);
  for (int part = 1; part < parts; ++part) {
    word = "T.bitwise_or(" + word + ", T.shift_left(" + Part(shape, part) + ", " + std::to_string(part * 32 / parts) +
           "))";
  }
  return word;
}

std::string Filled(const DotMatmul& shape, std::string text) {
  const auto number = [](int64_t n) { return std::to_string(n); };
  text = absl::StrReplaceAll(text, {{"$WORD", Word(shape)}});
  return absl::StrReplaceAll(
      text, {{"$PARALLEL", shape.parallel ? "T.parallel" : "T.serial"},
             {"$INSTRUCTION", shape.bfloat16 ? "llvm.x86.avx512bf16.dpbf16ps.512" : "llvm.x86.avx512.vpdpbusd.512"},
             {"$TA", shape.bfloat16 ? "bfloat16" : "uint8"},
             {"$TB", shape.bfloat16 ? "bfloat16" : "int8"},
             {"$TC", shape.bfloat16 ? "float32" : "int32"},
             {"$G", shape.bfloat16 ? "2" : "4"},
             {"$MC", number(shape.mc)},
             {"$MR", number(shape.mr)},
             {"$NR", number(shape.nr)},
             {"$KC", number(shape.kc)},
             {"$M", number(shape.m)},
             {"$N", number(shape.n)},
             {"$K", number(shape.k)}});
}

}  // namespace

std::string DotMatmulScript(const DotMatmul& shape) { return Filled(shape, std::string(kHead) + kTiled); }
std::string PlainDotMatmulScript(const DotMatmul& shape) { return Filled(shape, std::string(kHead) + kPlain); }

}  // namespace hone::bench
