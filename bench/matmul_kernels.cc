#include "bench/matmul_kernels.h"

#include "absl/strings/str_replace.h"

namespace hone::bench {

namespace {

// Blocks of B, kc x nc, are packed right before they are used, so that they come from L2 (each thread has a block of
// its own); a block of A, mc x kc, likewise. Storage shrinks to one block in lowering.
constexpr char kProgram[] = R"(
@T.prim_func
def main(A: T.Buffer(($M, $K), "float32"), B: T.Buffer(($K, $N), "float32"), C: T.Buffer(($M, $N), "float32")):
    T.func_attr({"tir.noalias": T.bool(True)})
    Bp = T.alloc_buffer(($N // $NR, $K, $NR))
$ALLOC_A
    for jo in $PARALLEL($N // $NC):
        for ko in range($K // $KC):
            for k in range($KC):
                for jr in T.unroll($NC // $NR):
                    for ji in T.vectorized($NR):
                        with T.block("pack_b"):
                            vjr = T.axis.spatial($N // $NR, jo * ($NC // $NR) + jr)
                            vk = T.axis.spatial($K, ko * $KC + k)
                            vji = T.axis.spatial($NR, ji)
                            T.reads(B[vk, vjr * $NR + vji])
                            T.writes(Bp[vjr, vk, vji])
                            Bp[vjr, vk, vji] = B[vk, vjr * $NR + vji]
            for mo in range($M // $MC):
$PACK_A
                for jr in range($NC // $NR):
                    for io in range($MC // $MR):
                        for ii in T.unroll($MR):
                            for ji in T.vectorized($NR):
                                with T.block("init"):
                                    T.where(ko == 0)
                                    vi = T.axis.spatial($M, mo * $MC + io * $MR + ii)
                                    vj = T.axis.spatial($N, jo * $NC + jr * $NR + ji)
                                    T.reads()
                                    T.writes(C[vi, vj])
                                    C[vi, vj] = T.float32(0)
                        for ki in range($KC):
                            for ii in T.unroll($MR):
                                for ji in T.vectorized($NR):
                                    with T.block("update"):
                                        vi = T.axis.spatial($M, mo * $MC + io * $MR + ii)
                                        vj = T.axis.spatial($N, jo * $NC + jr * $NR + ji)
                                        vk = T.axis.reduce($K, ko * $KC + ki)
                                        T.reads(C[vi, vj], $A_PLACE, Bp[vj // $NR, vk, vj % $NR])
                                        T.writes(C[vi, vj])
                                        C[vi, vj] = C[vi, vj] + $A_PLACE * Bp[vj // $NR, vk, vj % $NR]
)";

constexpr char kPackA[] = R"(
                for ir in range($MC // $MR):
                    for k in range($KC):
                        for ii in T.unroll($MR):
                            with T.block("pack_a"):
                                vir = T.axis.spatial($M // $MR, mo * ($MC // $MR) + ir)
                                vk = T.axis.spatial($K, ko * $KC + k)
                                vii = T.axis.spatial($MR, ii)
                                T.reads(A[vir * $MR + vii, vk])
                                T.writes(Ap[vir, vk, vii])
                                Ap[vir, vk, vii] = A[vir * $MR + vii, vk]
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
                                    {"$NC", number(shape.nc)},
                                    {"$KC", number(shape.kc)},
                                    {"$M", number(shape.m)},
                                    {"$N", number(shape.n)},
                                    {"$K", number(shape.k)}});
}

}  // namespace hone::bench
