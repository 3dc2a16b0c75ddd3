#include "bench/conv_kernels.h"

#include "absl/strings/str_replace.h"

namespace hone::bench {
namespace {

constexpr char kHead[] = R"(
@T.prim_func
def main(X: T.Buffer((1, $H, $W, $CI), "float32"), F: T.Buffer(($S, $S, $CI, $CO), "float32"), Y: T.Buffer((1, $H, $W, $CO), "float32")):
    T.func_attr({"tir.noalias": T.bool(True)})
    P = T.alloc_buffer(($HP, $WP, $CI))
    for i in $PARALLEL($HP):
        for j in range($WP):
            for c in T.vectorized($CI):
                with T.block("pad"):
                    vi, vj, vc = T.axis.remap("SSS", [i, j, c])
                    T.reads(X[0, vi - $PAD, vj - $PAD, vc])
                    T.writes(P[vi, vj, vc])
                    P[vi, vj, vc] = T.if_then_else($PAD <= vi and vi < $H + $PAD and $PAD <= vj and vj < $W + $PAD, X[0, vi - $PAD, vj - $PAD, vc], T.float32(0))
)";

constexpr char kTiled[] = R"(
    for i in $PARALLEL($H):
        for co in range($CO // $CR):
            for jo in range($W // $WR):
                for ji in T.unroll($WR):
                    for ci in T.vectorized($CR):
                        with T.block("init"):
                            vi = T.axis.spatial($H, i)
                            vj = T.axis.spatial($W, jo * $WR + ji)
                            vc = T.axis.spatial($CO, co * $CR + ci)
                            T.reads()
                            T.writes(Y[0, vi, vj, vc])
                            Y[0, vi, vj, vc] = T.float32(0)
                for r, s, k in T.grid($S, $S, $CI):
                    for ji in T.unroll($WR):
                        for ci in T.vectorized($CR):
                            with T.block("update"):
                                vi = T.axis.spatial($H, i)
                                vj = T.axis.spatial($W, jo * $WR + ji)
                                vc = T.axis.spatial($CO, co * $CR + ci)
                                vr, vs, vk = T.axis.remap("RRR", [r, s, k])
                                T.reads(Y[0, vi, vj, vc], P[vi + vr, vj + vs, vk], F[vr, vs, vk, vc])
                                T.writes(Y[0, vi, vj, vc])
                                Y[0, vi, vj, vc] = Y[0, vi, vj, vc] + P[vi + vr, vj + vs, vk] * F[vr, vs, vk, vc]
)";

constexpr char kPlain[] = R"(
    for i, j, c, r, s, k in T.grid($H, $W, $CO, $S, $S, $CI):
        with T.block("conv"):
            vi, vj, vc, vr, vs, vk = T.axis.remap("SSSRRR", [i, j, c, r, s, k])
            T.reads(P[vi + vr, vj + vs, vk], F[vr, vs, vk, vc])
            T.writes(Y[0, vi, vj, vc])
            with T.init():
                Y[0, vi, vj, vc] = T.float32(0)
            Y[0, vi, vj, vc] = Y[0, vi, vj, vc] + P[vi + vr, vj + vs, vk] * F[vr, vs, vk, vc]
)";

std::string Fill(std::string text, const DirectConv& shape) {
  const auto number = [](int64_t n) { return std::to_string(n); };
  const int64_t pad = (shape.kernel - 1) / 2;
  return absl::StrReplaceAll(text, {{"$PARALLEL", shape.parallel ? "T.parallel" : "T.serial"},
                                    {"$PAD", number(pad)},
                                    {"$HP", number(shape.h + 2 * pad)},
                                    {"$WP", number(shape.w + 2 * pad)},
                                    {"$CI", number(shape.ci)},
                                    {"$CO", number(shape.co)},
                                    {"$CR", number(shape.cr)},
                                    {"$WR", number(shape.wr)},
                                    {"$H", number(shape.h)},
                                    {"$W", number(shape.w)},
                                    {"$S", number(shape.kernel)}});
}

}  // namespace

std::string DirectConvScript(const DirectConv& shape) { return Fill(std::string(kHead) + (kTiled + 1), shape); }

std::string PlainConvScript(const DirectConv& shape) {
  DirectConv plain = shape;
  plain.parallel = false;
  return Fill(std::string(kHead) + (kPlain + 1), plain);
}

}  // namespace hone::bench
