#include "common/intrin/wmma.h"

#include "common/intrin/text_template.h"
#include "common/support/strings.h"

namespace hone {
namespace {

// $F(X, stride, rows, columns): the number of the fragment at the start of X.
std::string Fragment(std::string_view buffer, std::string_view stride, std::string_view rows,
                     std::string_view columns) {
  return Fill("$X.elem_offset // $S // $M * ($S // $N) + $X.elem_offset % $S // $N",
              {{"$X", buffer}, {"$S", stride}, {"$M", rows}, {"$N", columns}});
}

constexpr char kFill[] = R"(
@T.prim_func
def main(c: T.handle):
    $DECL
    C = T.match_buffer(c, ($m, $n), "$t", align=64, offset_factor=$n, scope="wmma.accumulator"$STRIDES)
    with T.block("root"):
        T.reads()
        T.writes(C[0:$m, 0:$n])
        $BODY
)";

constexpr char kFillLoops[] = R"(for i, j in T.grid($m, $n):
            with T.block("init"):
                vii, vjj = T.axis.remap("SS", [i, j])
                C[vii, vjj] = $zero)";

// Both loads and stores copy A into C.
constexpr char kCopy[] = R"(
@T.prim_func
def main(a: T.handle, c: T.handle):
    $DECL
    A = T.match_buffer(a, ($m, $n), "$t", align=64, offset_factor=$n, scope="$from"$ASTRIDES)
    C = T.match_buffer(c, ($m, $n), "$t", align=64, offset_factor=$n, scope="$to"$CSTRIDES)
    with T.block("root"):
        T.reads(A[0:$m, 0:$n])
        T.writes(C[0:$m, 0:$n])
        $BODY
)";

constexpr char kCopyLoops[] = R"(for i, j in T.grid($m, $n):
            with T.block("$block"):
                vii, vjj = T.axis.remap("SS", [i, j])
                C[vii, vjj] = A[vii, vjj])";

constexpr char kSync[] = R"(
@T.prim_func
def main(a: T.handle, b: T.handle, c: T.handle):
    $DECL
    A = T.match_buffer(a, ($m, $k), "$in", align=64, offset_factor=$k, scope="wmma.matrix_a"$ASTRIDES)
    B = T.match_buffer(b, ($b0, $b1), "$in", align=64, offset_factor=$b1, scope="wmma.matrix_b"$BSTRIDES)
    C = T.match_buffer(c, ($m, $n), "$out", align=64, offset_factor=$n, scope="wmma.accumulator"$CSTRIDES)
    with T.block("root"):
        T.reads(C[0:$m, 0:$n], A[0:$m, 0:$k], B[0:$b0, 0:$b1])
        T.writes(C[0:$m, 0:$n])
        $BODY
)";

constexpr char kSyncLoops[] = R"(for i, j, k in T.grid($m, $n, $k):
            with T.block(""):
                vii, vjj, vkk = T.axis.remap("SSR", [i, j, k])
                C[vii, vjj] = C[vii, vjj] + $product)";

struct Shape {
  std::string_view name;  // As in names of intrinsics.
  std::string_view m, n, k;
};
constexpr Shape k16 = {"16x16x16", "16", "16", "16"};
constexpr Shape k8 = {"8x8x32", "8", "8", "32"};

// The dtype of a short name.
std::string_view TypeOf(std::string_view name) {
  if (name == "f16") return "float16";
  if (name == "f32") return "float32";
  if (name == "s8") return "int8";
  if (name == "s4") return "int4";
  return "int32";
}

std::string_view ZeroOf(std::string_view name) {
  if (name == "f16") return "T.float16(0)";
  if (name == "f32") return "T.float32(0)";
  return "T.int32(0)";
}

IntrinText FillIntrin(const Shape& s, std::string_view type) {
  const std::string loops = Fill(kFillLoops, {{"$m", s.m}, {"$n", s.n}, {"$zero", ZeroOf(type)}});
  const std::string call = StrCat("T.tvm_fill_fragment(C.data, ", s.m, ", ", s.n, ", ", s.k, ", ",
                                  Fragment("C", "d1", s.m, s.n), ", ", ZeroOf(type), ")");
  const auto make = [&](std::string_view declarations, std::string_view strides, std::string_view body) {
    return Fill(kFill, {{"$DECL", declarations},
                        {"$STRIDES", strides},
                        {"$BODY", body},
                        {"$m", s.m},
                        {"$n", s.n},
                        {"$t", TypeOf(type)}});
  };
  return {StrCat("wmma_fill_", s.name, "_", type), make("", "", loops),
          make("d1, d0 = T.int32(), T.int32()", ", strides=[d1, d0]", call)};
}

struct Copy {
  std::string_view rows, columns, type, from, to, block;
};

IntrinText CopyIntrin(std::string name, const Copy& c, std::string_view a_strides, std::string_view c_strides,
                      std::string_view call) {
  const std::string loops = Fill(kCopyLoops, {{"$m", c.rows}, {"$n", c.columns}, {"$block", c.block}});
  const auto make = [&](std::string_view declarations, std::string_view a, std::string_view b, std::string_view body) {
    return Fill(kCopy, {{"$DECL", declarations},
                        {"$ASTRIDES", a},
                        {"$CSTRIDES", b},
                        {"$BODY", body},
                        {"$from", c.from},
                        {"$to", c.to},
                        {"$m", c.rows},
                        {"$n", c.columns},
                        {"$t", TypeOf(c.type)}});
  };
  return {std::move(name), make("", "", "", loops),
          make("s1, s0, d1, d0 = T.int32(), T.int32(), T.int32(), T.int32()", a_strides, c_strides, call)};
}

IntrinText LoadIntrin(const Shape& s, std::string_view type, bool is_b, bool trans, std::string_view scope_name,
                      std::string_view scope) {
  const bool row_is_k = is_b != trans;  // B is k x n, A is m x k; the other way round when transposed.
  const std::string_view other = is_b ? s.n : s.m;
  const std::string_view rows = row_is_k ? s.k : other;
  const std::string_view columns = row_is_k ? other : s.k;
  const std::string call =
      StrCat("T.tvm_load_matrix_sync(C.data, ", s.m, ", ", s.n, ", ", s.k, ", ", Fragment("C", "d1", rows, columns),
             ", A.access_ptr(\"r\"), s1, \"", trans ? "col_major" : "row_major", "\")");
  return CopyIntrin(StrCat("wmma_load_", s.name, "_", type, is_b ? "_b" : "_a", trans ? "_trans_" : "_", scope_name),
                    {rows, columns, type, scope, is_b ? "wmma.matrix_b" : "wmma.matrix_a", "load"},
                    ", strides=[s1, s0]", ", strides=[d1, d0]", call);
}

IntrinText StoreIntrin(const Shape& s, std::string_view type, std::string_view scope_name, std::string_view scope) {
  const std::string call = StrCat("T.tvm_store_matrix_sync(A.data, ", s.m, ", ", s.n, ", ", s.k, ", ",
                                  Fragment("A", "d1", s.m, s.n), ", C.access_ptr(\"w\"), s1, \"row_major\")");
  return CopyIntrin(StrCat("wmma_store_", s.name, "_", type, "_", scope_name),
                    {s.m, s.n, type, "wmma.accumulator", scope, "store"}, ", strides=[d1, d0]", ", strides=[s1, s0]",
                    call);
}

IntrinText SyncIntrin(const Shape& s, std::string_view in, std::string_view out, bool trans) {
  const std::string_view b0 = trans ? s.n : s.k;
  const std::string_view b1 = trans ? s.k : s.n;
  const std::string a = "A[vii, vkk]";
  const std::string b = trans ? "B[vjj, vkk]" : "B[vkk, vjj]";
  const std::string product =
      in == out ? StrCat(a, " * ", b)
                : StrCat("T.Cast(\"", TypeOf(out), "\", ", a, ") * T.Cast(\"", TypeOf(out), "\", ", b, ")");
  const std::string loops = Fill(kSyncLoops, {{"$product", product}, {"$m", s.m}, {"$n", s.n}, {"$k", s.k}});
  const std::string of_c = Fragment("C", "c1", s.m, s.n);
  const std::string call = StrCat("T.tvm_mma_sync(C.data, ", of_c, ", A.data, ", Fragment("A", "a1", s.m, s.k),
                                  ", B.data, ", Fragment("B", "b1", b0, b1), ", C.data, ", of_c, ")");
  const auto make = [&](std::string_view declarations, std::string_view sa, std::string_view sb, std::string_view sc,
                        std::string_view body) {
    return Fill(kSync, {{"$DECL", declarations},
                        {"$ASTRIDES", sa},
                        {"$BSTRIDES", sb},
                        {"$CSTRIDES", sc},
                        {"$BODY", body},
                        {"$b0", b0},
                        {"$b1", b1},
                        {"$in", TypeOf(in)},
                        {"$out", TypeOf(out)},
                        {"$m", s.m},
                        {"$n", s.n},
                        {"$k", s.k}});
  };
  return {StrCat("wmma_sync_", s.name, "_", in, in, out, trans ? "_trans" : ""), make("", "", "", "", loops),
          make("a1, a0, b1, b0, c1, c0 = T.int32(), T.int32(), T.int32(), T.int32(), T.int32(), T.int32()",
               ", strides=[a1, a0]", ", strides=[b1, b0]", ", strides=[c1, c0]", call)};
}

}  // namespace

std::vector<IntrinText> WmmaIntrins() {
  constexpr std::pair<std::string_view, std::string_view> kShared[] = {{"shared", "shared"},
                                                                       {"shared_dyn", "shared.dyn"}};
  constexpr std::pair<std::string_view, std::string_view> kTargets[] = {
      {"shared", "shared"}, {"shared_dyn", "shared.dyn"}, {"global", "global"}};
  std::vector<IntrinText> out;
  for (std::string_view type : {"f32", "f16", "s32"}) {
    out.push_back(FillIntrin(k16, type));
    for (const auto& [name, scope] : kTargets) out.push_back(StoreIntrin(k16, type, name, scope));
  }
  for (std::string_view type : {"f16", "s8"}) {
    for (bool is_b : {false, true}) {
      for (bool trans : {false, true}) {
        for (const auto& [name, scope] : kShared) out.push_back(LoadIntrin(k16, type, is_b, trans, name, scope));
      }
    }
  }
  for (bool trans : {false, true}) {
    out.push_back(SyncIntrin(k16, "f16", "f32", trans));
    out.push_back(SyncIntrin(k16, "f16", "f16", trans));
    out.push_back(SyncIntrin(k16, "s8", "s32", trans));
  }
  out.push_back(FillIntrin(k8, "s32"));
  out.push_back(SyncIntrin(k8, "s4", "s32", /*trans=*/true));
  for (const auto& [name, scope] : kTargets) out.push_back(StoreIntrin(k8, "s32", name, scope));
  for (const auto& [name, scope] : kShared) {
    out.push_back(LoadIntrin(k8, "s4", /*is_b=*/false, /*trans=*/false, name, scope));
    out.push_back(LoadIntrin(k8, "s4", /*is_b=*/true, /*trans=*/true, name, scope));
  }
  return out;
}

}  // namespace hone
