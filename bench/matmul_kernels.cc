#include "bench/matmul_kernels.h"

#include "absl/strings/str_replace.h"

namespace hone::bench {

namespace {

constexpr char kProgram[] = R"(
@T.prim_func
def main(A: T.Buffer(($M, $K), "float32"), B: T.Buffer(($K, $N), "float32"), C: T.Buffer(($M, $N), "float32")):
    T.func_attr({"tir.noalias": T.bool(True)})
    Bp = T.alloc_buffer(($N // $NR, $K, $NR))
$ALLOC_A
    for jo in $PARALLEL($N // $NR):
        for k in range($K):
            for ji in T.vectorized($NR):
                with T.block("pack_b"):
                    vjo, vk, vji = T.axis.remap("SSS", [jo, k, ji])
                    T.reads(B[vk, vjo * $NR + vji])
                    T.writes(Bp[vjo, vk, vji])
                    Bp[vjo, vk, vji] = B[vk, vjo * $NR + vji]
$PACK_A
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
                                C[vi, vj] = T.float32(0)
                    for ki in range($KC):
                        for ii in T.unroll($MR):
                            for ji in T.vectorized($NR):
                                with T.block("update"):
                                    vi = T.axis.spatial($M, mo * $MC + io * $MR + ii)
                                    vj = T.axis.spatial($N, jo * $NR + ji)
                                    vk = T.axis.reduce($K, ko * $KC + ki)
                                    T.reads(C[vi, vj], $A_PLACE, Bp[vj // $NR, vk, vj % $NR])
                                    T.writes(C[vi, vj])
                                    C[vi, vj] = C[vi, vj] + $A_PLACE * Bp[vj // $NR, vk, vj % $NR]
)";

constexpr char kPackA[] = R"(
    for io in $PARALLEL($M // $MR):
        for k in range($K):
            for ii in T.unroll($MR):
                with T.block("pack_a"):
                    vio, vk, vii = T.axis.remap("SSS", [io, k, ii])
                    T.reads(A[vio * $MR + vii, vk])
                    T.writes(Ap[vio, vk, vii])
                    Ap[vio, vk, vii] = A[vio * $MR + vii, vk]
)";

}  // namespace

std::string PackedMatmulScript(const PackedMatmul& shape) {
  const auto number = [](int64_t n) { return std::to_string(n); };
  std::string text = kProgram;
  text = absl::StrReplaceAll(text, {{"$ALLOC_A", shape.pack_a ? "    Ap = T.alloc_buffer(($M // $MR, $K, $MR))" : ""},
                                    {"$PACK_A", shape.pack_a ? kPackA : ""},
                                    {"$A_PLACE", shape.pack_a ? "Ap[vi // $MR, vk, vi % $MR]" : "A[vi, vk]"}});
  return absl::StrReplaceAll(text, {{"$PARALLEL", shape.parallel ? "T.parallel" : "T.serial"},
                                    {"$MC", number(shape.mc)},
                                    {"$MR", number(shape.mr)},
                                    {"$NR", number(shape.nr)},
                                    {"$KC", number(shape.kc)},
                                    {"$M", number(shape.m)},
                                    {"$N", number(shape.n)},
                                    {"$K", number(shape.k)}});
}

}  // namespace hone::bench
