#include "common/intrin/mma_m16n8k8.h"

#include "common/intrin/text_template.h"
#include "common/support/strings.h"

namespace hone {
namespace {

constexpr char kInit[] = R"(
@T.prim_func
def main(c: T.handle):
    dst = T.match_buffer(c, (16, 8), "$t", align=64, offset_factor=1, scope="m16n8k8.matrixC")
    with T.block("root"):
        T.reads()
        T.writes(dst[0:16, 0:8])
        $BODY
)";

constexpr char kInitLoops[] = R"(for i, j in T.grid(16, 8):
            with T.block("init"):
                vi, vj = T.axis.remap("SS", [i, j])
                dst[vi, vj] = T.$t(0))";

// Each lane holds two neighbours of rows lane / 4 and lane / 4 + 8.
constexpr char kInitLanes[] = R"(for tx in T.thread_binding(0, 32, "threadIdx.x"):
            for b in range(2):
                for v in T.vectorized(2):
                    dst[b * 8 + tx // 4, (tx % 4) * 2 + v] = T.$t(0))";

constexpr char kCopy[] = R"(
@T.prim_func
def main(a: T.handle, c: T.handle):
    $DECL
    src = T.match_buffer(a, ($m, $n), "$t", align=64, offset_factor=1, scope="$from"$SSTRIDES)
    dst = T.match_buffer(c, ($m, $n), "$t", align=64, offset_factor=1, scope="$to"$DSTRIDES)
    with T.block("root"):
        T.reads(src[0:$m, 0:$n])
        T.writes(dst[0:$m, 0:$n])
        $BODY
)";

constexpr char kCopyLoops[] = R"(for i, j in T.grid($m, $n):
            with T.block("$block"):
                vi, vj = T.axis.remap("SS", [i, j])
                dst[vi, vj] = src[vi, vj])";

constexpr char kLdmatrix[] = R"(for tx in T.thread_binding(0, 32, "threadIdx.x"):
            T.evaluate(T.ptx_ldmatrix($trans, 4, ".b16", dst.data, $index, src.access_ptr("r"), $lane, dtype="float16")))";

constexpr char kSync[] = R"(
@T.prim_func
def main(a: T.handle, b: T.handle, c: T.handle):
    $DECL
    A = T.match_buffer(a, (16, 8), "float16", align=64, offset_factor=1, scope="m16n8k8.matrixA"$ASTRIDES)
    B = T.match_buffer(b, (8, 8), "float16", align=64, offset_factor=1, scope="m16n8k8.matrixB"$BSTRIDES)
    C = T.match_buffer(c, (16, 8), "$t", align=64, offset_factor=1, scope="m16n8k8.matrixC"$CSTRIDES)
    with T.block("root"):
        T.reads(C[0:16, 0:8], A[0:16, 0:8], B[0:8, 0:8])
        T.writes(C[0:16, 0:8])
        $BODY
)";

constexpr char kSyncLoops[] = R"(for i, j, k in T.grid(16, 8, 8):
            with T.block("update"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                C[vi, vj] = C[vi, vj] + $product)";

// The first register of a lane for the tile that starts at `buffer`, whose rows are `stride` elements apart.
std::string Register(std::string_view formula, std::string_view buffer, std::string_view stride) {
  return Fill(formula, {{"$i", StrCat("(", buffer, ".elem_offset // ", stride, ")")},
                        {"$j", StrCat("(", buffer, ".elem_offset % ", stride, ")")},
                        {"$s", stride}});
}
constexpr std::string_view kRegisterA = "($i // 32 * ($s // 8) + $j // 8) * 8 + $i % 32 // 16 * 4";
constexpr std::string_view kRegisterB = "($i // 8 * ($s // 32) + $j // 32) * 8 + $j % 32 // 8 * 2";
constexpr std::string_view kRegisterC = "$i // 16 * 2 * ($s // 8) + $i // 8 % 2 + $j // 8 * 2";

IntrinText Init(std::string_view name, std::string_view type) {
  const auto make = [&](std::string_view body) { return Fill(kInit, {{"$BODY", body}, {"$t", type}}); };
  return {std::string(name), make(kInitLoops), make(kInitLanes)};
}

struct Copy {
  std::string_view rows, columns, type, from, to, block;
};

std::string MakeCopy(const Copy& c, std::string_view declarations, std::string_view src_strides,
                     std::string_view dst_strides, std::string_view body) {
  return Fill(kCopy, {{"$DECL", declarations},
                      {"$SSTRIDES", src_strides},
                      {"$DSTRIDES", dst_strides},
                      {"$BODY", body},
                      {"$block", c.block},
                      {"$from", c.from},
                      {"$to", c.to},
                      {"$m", c.rows},
                      {"$n", c.columns},
                      {"$t", c.type}});
}

IntrinText Load(std::string_view name, const Copy& c, bool trans, std::string_view register_formula,
                std::string_view lane) {
  const std::string call = Fill(
      kLdmatrix,
      {{"$trans", trans ? "True" : "False"}, {"$index", Register(register_formula, "dst", "d0")}, {"$lane", lane}});
  return {std::string(name), MakeCopy(c, "", "", "", kCopyLoops),
          MakeCopy(c, "s0, s1, d0, d1 = T.int32(), T.int32(), T.int32(), T.int32()", ", strides=[s0, s1]",
                   ", strides=[d0, d1]", call)};
}

IntrinText Store(std::string_view name, std::string_view type) {
  const std::string copy =
      MakeCopy({"16", "8", type, "m16n8k8.matrixC", "shared.dyn", "store"}, "", "", "", kCopyLoops);
  return {std::string(name), copy, copy};  // Each lane's registers are stored by plain code.
}

IntrinText Sync(std::string_view name, std::string_view type, std::string_view accumulator) {
  const std::string product =
      type == "float16" ? "A[vi, vk] * B[vk, vj]" : "T.Cast(\"float32\", A[vi, vk]) * T.Cast(\"float32\", B[vk, vj])";
  const std::string call =
      StrCat("T.evaluate(T.ptx_mma(\"m16n8k8\", \"row\", \"col\", \"fp16\", \"fp16\", \"", accumulator, "\", A.data, ",
             Register(kRegisterA, "A", "a0"), ", B.data, ", Register(kRegisterB, "B", "b0"), ", C.data, ",
             Register(kRegisterC, "C", "c0"), ", T.bool(False), dtype=\"", type, "\"))");
  const auto make = [&](std::string_view declarations, std::string_view a, std::string_view b, std::string_view c,
                        std::string_view body) {
    return Fill(kSync, {{"$DECL", declarations},
                        {"$ASTRIDES", a},
                        {"$BSTRIDES", b},
                        {"$CSTRIDES", c},
                        {"$BODY", body},
                        {"$product", product},
                        {"$t", type}});
  };
  return {std::string(name), make("", "", "", "", kSyncLoops),
          make("a0, a1, b0, b1, c0, c1 = T.int32(), T.int32(), T.int32(), T.int32(), T.int32(), T.int32()",
               ", strides=[a0, a1]", ", strides=[b0, b1]", ", strides=[c0, c1]", call)};
}

}  // namespace

std::vector<IntrinText> MmaM16n8k8Intrins() {
  return {
      Init("mma_init_m16n8k8_f16", "float16"),
      Init("mma_init_m16n8k8_f32", "float32"),
      Load("mma_load_m16n8k8_f16_A_shared_dyn", {"32", "8", "float16", "shared.dyn", "m16n8k8.matrixA", "A_load"},
           /*trans=*/false, kRegisterA, "tx * s0"),
      Load("mma_load_m16n8k8_f16_B_shared_dyn", {"8", "32", "float16", "shared.dyn", "m16n8k8.matrixB", "B_load"},
           /*trans=*/true, kRegisterB, "tx % 8 * s0 + tx // 8 * 8"),
      Sync("mma_sync_m16n8k8_f16f16f16", "float16", "fp16"),
      Sync("mma_sync_m16n8k8_f16f16f32", "float32", "fp32"),
      Store("mma_store_m16n8k8_f16_global", "float16"),
      Store("mma_store_m16n8k8_f32_global", "float32"),
  };
}

}  // namespace hone
