#include "common/intrin/mma_m16n8k16.h"

#include "common/intrin/text_template.h"
#include "common/support/strings.h"

namespace hone {
namespace {

// Which lane and register hold an element (PTX manual 9.7.14, fragments of m16n8k16 and m16n8k32): $i a row of A or C
// or a column of B, $k along the reduction ($j a column of C).
struct Registers {
  std::string_view lane, reg;
};
constexpr Registers kHalfA = {"4 * ($i % 8) + $k % 8 // 2", "4 * ($k // 8) + $i // 8 * 2 + $k % 2"};
constexpr Registers kHalfB = {"4 * ($i % 8) + $k % 8 // 2", "4 * ($i // 8) + $k // 8 * 2 + $k % 2"};
constexpr Registers kByteA = {"4 * ($i % 8) + $k % 16 // 4", "8 * ($k // 16) + $i // 8 * 4 + $k % 4"};
constexpr Registers kByteB = {"4 * ($i % 8) + $k % 16 // 4", "8 * ($i // 8) + $k // 16 * 4 + $k % 4"};
constexpr Registers kSum = {"4 * ($i % 8) + $k % 8 // 2", "4 * ($k // 8) + $i // 8 * 2 + $k % 2"};

std::string At(const Registers& registers, std::string_view i, std::string_view k) {
  const auto fill = [&](std::string_view text) { return Fill(text, {{"$i", i}, {"$k", k}}); };
  return StrCat(fill(registers.lane), ", ", fill(registers.reg));
}

// ---- loads

constexpr char kLoad[] = R"(
@T.prim_func
def main(w: T.handle, s: T.handle):
    $DECL
    src = T.match_buffer(s, ($rows, $columns), "$t", align=64, offset_factor=16, scope="$scope"$STRIDES)
    dst = T.match_buffer(w, (32, $regs), "$t", align=64, offset_factor=16, scope="warp")
    with T.block("root"):
        T.reads(src[0:$rows, 0:$columns])
        T.writes(dst[0:32, 0:$regs])
        $BODY
)";

constexpr char kLoadLoops[] = R"(for i, j in T.grid($rows, $columns):
            with T.block("shared_warp"):
                vi, vj = T.axis.remap("SS", [i, j])
                T.reads(src[vi, vj])
                T.writes(dst[$at])
                dst[$at] = src[vi, vj])";

constexpr char kLdmatrix[] = R"(for tx in T.thread_binding(0, 32, "threadIdx.x"):
            T.evaluate(T.ptx_ldmatrix($trans, 4, ".b16", dst.data, dst.elem_offset + $regs * tx, src.access_ptr("r"), $lane, dtype="$t")))";

// ldmatrix moves pairs of bytes: it cannot transpose single ones.
constexpr char kByteLoads[] = R"(for tx in T.thread_binding(0, 32, "threadIdx.x"):
            for r in range(16):
                dst[tx, r] = src[r % 8 // 4 * 16 + tx % 4 * 4 + r % 4, r // 8 * 8 + tx // 4])";

// A matrix of shared memory with rows of `s0` elements: four 8 x 8 ones (of b16), whose rows the lanes give in turn.
// Along: the first two below each other, so that the tile's columns come last; across: beside each other.
std::string Along(std::string_view second) { return StrCat("s0 * (tx % 16) + ", second, " * (tx // 16)"); }
std::string Across(std::string_view second) {
  return StrCat("s0 * 8 * (tx // 16) + s0 * (tx % 8) + ", second, " * (tx % 16 // 8)");
}

struct Load {
  std::string name;
  std::string_view type, rows, columns, regs, scope;
  Registers registers;
  bool k_first;  // Rows of shared memory run along the reduction.
  std::string body;
  bool trans = false;
  std::string lane;
};

IntrinText MakeLoad(const Load& l) {
  const std::string at = l.k_first ? At(l.registers, "vj", "vi") : At(l.registers, "vi", "vj");
  const auto make = [&](std::string_view declarations, std::string_view strides, std::string_view body) {
    return Fill(kLoad, {{"$DECL", declarations},
                        {"$STRIDES", strides},
                        {"$BODY", body},
                        {"$at", at},
                        {"$trans", l.trans ? "T.bool(True)" : "T.bool(False)"},
                        {"$lane", l.lane},
                        {"$rows", l.rows},
                        {"$columns", l.columns},
                        {"$regs", l.regs},
                        {"$scope", l.scope},
                        {"$t", l.type}});
  };
  return {l.name, make("", "", kLoadLoops), make("s0, s1 = T.int32(), T.int32()", ", strides=[s0, s1]", l.body)};
}

void AddLoads(std::vector<IntrinText>& out) {
  for (const auto& [suffix, scope] : {std::pair{"", "shared"}, {"_dyn", "shared.dyn"}}) {
    const auto add = [&, suffix = suffix, scope = scope](const char* name, const Registers& registers, bool k_first,
                                                         bool trans, std::string lane) {
      out.push_back(MakeLoad({StrCat("mma_ldmatrix_f16_", name, suffix), "float16", "16", "16", "8", scope, registers,
                              k_first, kLdmatrix, trans, std::move(lane)}));
    };
    add("a", kHalfA, /*k_first=*/false, /*trans=*/false, Along("8"));
    add("a_trans", kHalfA, /*k_first=*/true, /*trans=*/true, Across("8"));
    add("b", kHalfB, /*k_first=*/true, /*trans=*/true, Along("8"));
    add("b_trans", kHalfB, /*k_first=*/false, /*trans=*/false, Across("8"));
  }
  out.push_back(MakeLoad({"mma_ldmatrix_i8_a", "int8", "16", "32", "16", "shared", kByteA, /*k_first=*/false, kLdmatrix,
                          /*trans=*/false, Along("16")}));
  out.push_back(MakeLoad(
      {"mma_ldmatrix_i8_b", "int8", "32", "16", "16", "shared", kByteB, /*k_first=*/true, kByteLoads, false, ""}));
  out.push_back(MakeLoad({"mma_ldmatrix_i8_b_trans", "int8", "16", "32", "16", "shared", kByteB, /*k_first=*/false,
                          kLdmatrix, /*trans=*/false, Across("16")}));
}

// ---- products

constexpr char kSync[] = R"(
@T.prim_func
def main(a: T.handle, b: T.handle, c: T.handle):
    A = T.match_buffer(a, (32, $regs), "$in", align=64, offset_factor=16, scope="warp")
    B = T.match_buffer(b, (32, $regs), "$in", align=64, offset_factor=16, scope="warp")
    C = T.match_buffer(c, (32, 8), "$out", align=64, offset_factor=16, scope="warp")
    with T.block("root"):
        T.reads(C[0:32, 0:8], A[0:32, 0:$regs], B[0:32, 0:$regs])
        T.writes(C[0:32, 0:8])
        $BODY
)";

constexpr char kSyncLoops[] = R"(for i, j, k in T.grid(16, 16, $depth):
            with T.block("C"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                T.reads(C[$atc], A[$ata], B[$atb])
                T.writes(C[$atc])
                C[$atc] = C[$atc] + $product)";

// Two instructions of eight columns each; the right half of B and C begins at half of a lane's registers.
constexpr char kMma[] = R"(for tx in T.thread_binding(0, 32, "threadIdx.x"):
            T.evaluate(T.ptx_mma("$shape", "row", "col", "$ptxin", "$ptxin", "$ptxout", A.data, A.elem_offset + tx * $regs, B.data, B.elem_offset + tx * $regs, C.data, C.elem_offset + tx * 8, T.bool(False), dtype="$out"))
            T.evaluate(T.ptx_mma("$shape", "row", "col", "$ptxin", "$ptxin", "$ptxout", A.data, A.elem_offset + tx * $regs, B.data, B.elem_offset + tx * $regs + $half, C.data, C.elem_offset + tx * 8 + 4, T.bool(False), dtype="$out")))";

struct Sync {
  std::string name;
  std::string_view in, out, ptx_in, ptx_out, shape, depth, regs, half;
  Registers a, b;
};

IntrinText MakeSync(const Sync& s) {
  const std::string a = At(s.a, "vi", "vk");
  const std::string b = At(s.b, "vj", "vk");
  const std::string product = s.in == s.out
                                  ? StrCat("A[", a, "] * B[", b, "]")
                                  : StrCat("T.Cast(\"", s.out, "\", A[", a, "]) * T.Cast(\"", s.out, "\", B[", b, "])");
  const auto make = [&](std::string_view body) {
    return Fill(kSync, {{"$BODY", body},
                        {"$product", product},
                        {"$atc", At(kSum, "vi", "vj")},
                        {"$ata", a},
                        {"$atb", b},
                        {"$shape", s.shape},
                        {"$ptxin", s.ptx_in},
                        {"$ptxout", s.ptx_out},
                        {"$depth", s.depth},
                        {"$half", s.half},
                        {"$regs", s.regs},
                        {"$in", s.in},
                        {"$out", s.out}});
  };
  return {s.name, make(kSyncLoops), make(kMma)};
}

void AddSyncs(std::vector<IntrinText>& out) {
  // Transposition is the load's affair: the registers are the same.
  for (const char* trans_a : {"", "_trans_a"}) {
    for (const char* trans_b : {"", "_trans_b"}) {
      for (const auto& [type, ptx] : {std::pair{"float32", "fp32"}, {"float16", "fp16"}}) {
        const std::string_view name = std::string_view(type) == "float32" ? "mma_f16f16f32" : "mma_f16f16f16";
        out.push_back(MakeSync({StrCat(name, trans_a, trans_b), "float16", type, "fp16", ptx, "m16n8k16", "16", "8",
                                "4", kHalfA, kHalfB}));
      }
    }
  }
  for (const char* trans_b : {"", "_trans_b"}) {
    out.push_back(MakeSync({StrCat("mma_i8i8i32", trans_b), "int8", "int32", "int8", "int32", "m16n8k32", "32", "16",
                            "8", kByteA, kByteB}));
  }
}

// ---- fills and stores

constexpr char kFillText[] = R"(
@T.prim_func
def main(c: T.handle):
    C = T.match_buffer(c, (32, 8), "$t", align=64, offset_factor=1, scope="warp")
    with T.block("root"):
        T.reads()
        T.writes(C[0:32, 0:8])
        $BODY
)";
constexpr char kFillLoops[] = R"(for i, j in T.grid(16, 16):
            with T.block("C_warp"):
                vi, vj = T.axis.remap("SS", [i, j])
                T.reads()
                T.writes(C[$at])
                C[$at] = T.$t(0))";
constexpr char kFillCall[] = R"(for tx in T.thread_binding(0, 32, "threadIdx.x"):
            T.evaluate(T.mma_fill(8, C.data, C.elem_offset + tx * 8, dtype="$t")))";

constexpr char kStoreText[] = R"(
@T.prim_func
def main(w: T.handle, c: T.handle):
    $DECL
    W = T.match_buffer(w, (32, 8), "$t", align=64, offset_factor=1, scope="warp")
    C = T.match_buffer(c, (16, 16), "$t", align=64, offset_factor=1, scope="$scope"$STRIDES)
    with T.block("root"):
        T.reads(W[0:32, 0:8])
        T.writes(C[0:16, 0:16])
        $BODY
)";
constexpr char kStoreLoops[] = R"(for i, j in T.grid(16, 16):
            with T.block("C_warp"):
                vi, vj = T.axis.remap("SS", [i, j])
                T.reads(W[$at])
                T.writes(C[vi, vj])
                C[vi, vj] = W[$at])";
constexpr char kStoreCall[] = R"(for tx in T.thread_binding(0, 32, "threadIdx.x"):
            T.evaluate(T.mma_store(16, 16, C.access_ptr("w"), W.data, W.elem_offset + tx * 8, s0, dtype="$t")))";
// The same by plain stores, which the simplifier and the vectorizer understand.
constexpr char kSimpleStore[] = R"(for tx in T.thread_binding(0, 32, "threadIdx.x"):
            for r in range(8):
                C[r % 4 // 2 * 8 + tx // 4, r // 4 * 8 + tx % 4 * 2 + r % 2] = W[tx, r])";

void AddFillsAndStores(std::vector<IntrinText>& out) {
  const std::string at = At(kSum, "vi", "vj");
  for (const auto& [name, type] : {std::pair{"f32", "float32"}, {"f16", "float16"}, {"i32", "int32"}}) {
    const auto fill = [&, type = type](std::string_view body) {
      return Fill(kFillText, {{"$BODY", body}, {"$at", at}, {"$t", type}});
    };
    out.push_back({StrCat("mma_fill_16x16_", name), fill(kFillLoops), fill(kFillCall)});
  }
  const auto store = [&](std::string name, std::string_view type, std::string_view scope, std::string_view body) {
    const auto make = [&](std::string_view declarations, std::string_view strides, std::string_view text) {
      return Fill(kStoreText, {{"$DECL", declarations},
                               {"$STRIDES", strides},
                               {"$BODY", text},
                               {"$at", at},
                               {"$scope", scope},
                               {"$t", type}});
    };
    out.push_back({std::move(name), make("", "", kStoreLoops),
                   make("s0, s1 = T.int32(), T.int32()", ", strides=[s0, s1]", body)});
  };
  store("mma_store_16x16_f32_global_", "float32", "global", kStoreCall);
  store("mma_store_16x16_f16_global_", "float16", "global", kStoreCall);
  store("mma_store_16x16_i32_global_", "int32", "global", kStoreCall);
  store("mma_store_16x16_f32_shared_dyn_", "float32", "shared.dyn", kStoreCall);
  store("mma_store_16x16_f32_shared_dyn_simple_", "float32", "shared.dyn", kSimpleStore);
  store("mma_store_16x16_f16_shared_dyn_simple_", "float16", "shared.dyn", kSimpleStore);
}

}  // namespace

std::vector<IntrinText> MmaM16n8k16Intrins() {
  std::vector<IntrinText> out;
  AddLoads(out);
  AddSyncs(out);
  AddFillsAndStores(out);
  return out;
}

}  // namespace hone
