#include "server/space/testing/small_workloads.h"

#include "absl/strings/str_join.h"
#include "common/script/parser.h"
#include "common/support/check.h"
#include "common/support/strings.h"
#include "common/workload/standard.h"

namespace hone {
namespace {

struct Sizes {
  std::string_view name;
  std::vector<int64_t> even;
  std::vector<int64_t> odd;
};

const std::vector<Sizes>& AllSizes() {
  static const auto& sizes = *new std::vector<Sizes>{
      {"C1D", {1, 16, 4, 8, 3, 2, 1}, {1, 13, 3, 5, 3, 1, 1}},
      {"C2D", {1, 8, 8, 4, 8, 3, 1, 1}, {1, 7, 9, 3, 5, 3, 2, 1}},
      {"C3D", {1, 4, 4, 6, 2, 4, 3, 2, 1}, {1, 3, 5, 3, 3, 5, 3, 2, 1}},
      {"GMM", {1, 16, 16, 16}, {2, 7, 13, 5}},
      {"GRP", {1, 8, 8, 8, 8, 3, 2, 1, 1, 4}, {1, 5, 7, 6, 9, 3, 1, 1, 1, 3}},
      {"DIL", {1, 10, 10, 2, 8, 3, 1, 1, 2}, {1, 9, 7, 3, 5, 3, 2, 1, 2}},
      {"DEP", {1, 8, 8, 16, 3, 1, 1}, {1, 9, 7, 5, 3, 2, 1}},
      {"T2D", {1, 4, 4, 8, 4, 4, 2, 1}, {1, 3, 5, 3, 5, 4, 2, 1}},
      {"CAP", {1, 4, 4, 2, 4, 3, 2, 1}, {1, 3, 3, 3, 3, 3, 2, 1}},
      {"NRM", {1, 16, 16}, {2, 13, 7}},
      {"SFM", {16, 16}, {5, 13}},
      {"CBR", {1, 8, 8, 3, 8, 3, 2, 1}, {1, 7, 5, 3, 5, 3, 1, 1}},
      {"TBG", {1, 8, 4, 8}, {1, 5, 3, 7}},
      {"C2D_WIN_NHWC", {1, 10, 10, 4, 4, 6}, {1, 9, 9, 3, 5, 6}},
      {"C2D_WIN_NCHW", {1, 8, 8, 4, 4, 6}, {1, 6, 6, 3, 5, 4}},
  };
  return sizes;
}

SmallWorkload Make(std::string_view name, const std::vector<int64_t>& sizes, const workload::StandardOptions& options) {
  absl::StatusOr<ir::IRModule> module = workload::StandardOfSizes(name, sizes, options);
  HONE_CHECK(module.ok()) << module.status().ToString();
  return {StrCat(name, " {", absl::StrJoin(sizes, ", "), "}"), *std::move(module)};
}

std::string Filled(std::string text, std::initializer_list<std::pair<std::string_view, std::string>> values) {
  for (const auto& [name, value] : values) {
    for (size_t at = text.find(name); at != std::string::npos; at = text.find(name, at)) {
      text.replace(at, name.size(), value);
    }
  }
  return text;
}

SmallWorkload Parsed(std::string name, const std::string& text) {
  absl::StatusOr<ir::IRModule> module = script::ParseModule(text);
  HONE_CHECK(module.ok()) << module.status().ToString();
  return {std::move(name), *std::move(module)};
}

// C[i, j] = sum over k of A[i, k] * B[j, k], cast to `out` before they are multiplied: the weights of a dense layer.
SmallWorkload Dense(std::string_view in, std::string_view out, int64_t n, int64_t m, int64_t k) {
  constexpr char kText[] = R"(
@T.prim_func
def main(A: T.Buffer(($n, $k), "$in"), B: T.Buffer(($m, $k), "$in"), C: T.Buffer(($n, $m), "$out")):
    T.func_attr({"tir.noalias": T.bool(True)})
    for i, j, k in T.grid($n, $m, $k):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            T.reads(A[vi, vk], B[vj, vk])
            T.writes(C[vi, vj])
            with T.init():
                C[vi, vj] = T.$out(0)
            C[vi, vj] = C[vi, vj] + $product
)";
  // A cast to the type that it has would be another program than the intrinsics compute.
  const std::string_view product =
      in == out ? "A[vi, vk] * B[vj, vk]" : "T.Cast(\"$out\", A[vi, vk]) * T.Cast(\"$out\", B[vj, vk])";
  return Parsed(StrCat("dense ", in, " ", out, " {", n, ", ", m, ", ", k, "}"),
                Filled(kText, {{"$product", std::string(product)},
                               {"$out", std::string(out)},
                               {"$in", std::string(in)},
                               {"$n", StrCat(n)},
                               {"$m", StrCat(m)},
                               {"$k", StrCat(k)}}));
}

// The same on a CPU, with weights packed so that the operand of one dot product lies in one piece: `rows` x 4.
SmallWorkload PackedDense(std::string_view a, std::string_view b, std::string_view out, int64_t n, int64_t m, int64_t k,
                          int64_t rows) {
  constexpr char kText[] = R"(
@T.prim_func
def main(A: T.Buffer(($n, $k), "$a"), B: T.Buffer(($outer, $inner, $rows, 4), "$b"), C: T.Buffer(($n, $m), "$out")):
    T.func_attr({"tir.noalias": T.bool(True)})
    for i, j, k in T.grid($n, $m, $k):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            T.reads(A[vi, vk], B[vj // $rows, vk // 4, vj % $rows, vk % 4])
            T.writes(C[vi, vj])
            with T.init():
                C[vi, vj] = T.$out(0)
            C[vi, vj] = C[vi, vj] + T.Cast("$out", A[vi, vk]) * T.Cast("$out", B[vj // $rows, vk // 4, vj % $rows, vk % 4])
)";
  return Parsed(StrCat("packed dense ", a, " ", b, " ", out, " {", n, ", ", m, ", ", k, "}"),
                Filled(kText, {{"$outer", StrCat(m / rows)},
                               {"$inner", StrCat(k / 4)},
                               {"$rows", StrCat(rows)},
                               {"$out", std::string(out)},
                               {"$a", std::string(a)},
                               {"$b", std::string(b)},
                               {"$n", StrCat(n)},
                               {"$m", StrCat(m)},
                               {"$k", StrCat(k)}}));
}

}  // namespace

std::vector<SmallWorkload> SmallStandardWorkloads(bool for_gpu) {
  workload::StandardOptions options;
  options.for_gpu = for_gpu;
  std::vector<SmallWorkload> out;
  for (const Sizes& sizes : AllSizes()) {
    out.push_back(Make(sizes.name, sizes.even, options));
    out.push_back(Make(sizes.name, sizes.odd, options));
  }
  return out;
}

std::vector<SmallWorkload> TensorizableWorkloads(std::string_view kind) {
  if (kind == "vnni" || kind == "avx512") return {PackedDense("uint8", "int8", "int32", 5, 32, 16, 16)};
  if (kind == "asimd") return {PackedDense("int8", "int8", "int32", 5, 16, 16, 4)};
  if (kind == "dotprod") {
    return {PackedDense("int8", "int8", "int32", 5, 16, 16, 4), PackedDense("uint8", "uint8", "uint32", 5, 16, 16, 4),
            PackedDense("uint8", "uint8", "int32", 5, 16, 16, 4)};
  }
  if (kind != "cuda-tensorcore") return {};
  std::vector<SmallWorkload> out = {Dense("float16", "float32", 16, 16, 16), Dense("float16", "float32", 7, 13, 5),
                                    Dense("int8", "int32", 16, 16, 16), Dense("int8", "int32", 3, 16, 9)};
  workload::StandardOptions options;
  options.for_gpu = true;
  options.in_dtype = ir::DataType::Float(16);
  out.push_back(Make("GMM", {2, 16, 16, 16}, options));
  out.push_back(Make("C2D", {1, 4, 4, 4, 8, 3, 1, 1}, options));
  out.push_back(Make("CBR", {1, 5, 5, 3, 5, 3, 2, 1}, options));
  options.out_dtype = ir::DataType::Float(16);
  out.push_back(Make("GMM", {1, 16, 16, 16}, options));
  out.push_back(Make("GMM", {2, 5, 13, 7}, options));
  options.in_dtype = ir::DataType::Int(8);
  options.out_dtype = ir::DataType::Int(32);
  out.push_back(Make("GMM", {1, 5, 13, 7}, options));
  return out;
}

SmallWorkload HalfDense(std::string_view out, int64_t n, int64_t m, int64_t k) {
  return Dense("float16", out, n, m, k);
}

SmallWorkload LayoutTransformWorkload() {
  return Parsed("layout_transform", R"(
@T.prim_func
def main(A: T.Buffer((2, 5, 6, 7), "float32"), C: T.Buffer((2, 6, 7, 5), "float32")):
    T.func_attr({"tir.noalias": T.bool(True)})
    B = T.alloc_buffer((2, 6, 7, 5))
    for n, h, w, c in T.grid(2, 6, 7, 5):
        with T.block("B"):
            vn, vh, vw, vc = T.axis.remap("SSSS", [n, h, w, c])
            T.reads(A[vn, vc, vh, vw])
            T.writes(B[vn, vh, vw, vc])
            T.block_attr({"schedule_rule": "layout_transform", "src_layout": "NCHW", "dst_layout": "NHWC", "input_shape": [2, 5, 6, 7]})
            B[vn, vh, vw, vc] = A[vn, vc, vh, vw]
    for n, h, w, c in T.grid(2, 6, 7, 5):
        with T.block("C"):
            vn, vh, vw, vc = T.axis.remap("SSSS", [n, h, w, c])
            T.reads(B[vn, vh, vw, vc])
            T.writes(C[vn, vh, vw, vc])
            C[vn, vh, vw, vc] = B[vn, vh, vw, vc] * T.float32(2)
)");
}

std::string_view TargetOfKind(std::string_view kind) {
  if (kind == "llvm") return "llvm -mcpu=haswell -num-cores=4";
  if (kind == "vnni") return "llvm -mcpu=cascadelake -num-cores=4";
  if (kind == "avx512") return "llvm -mcpu=skylake-avx512 -num-cores=4";
  if (kind == "asimd") return "llvm -mtriple=aarch64-linux-gnu -mcpu=cortex-a72 -num-cores=4";
  if (kind == "dotprod") return "llvm -mtriple=aarch64-linux-gnu -mcpu=neoverse-n1 -num-cores=4";
  if (kind == "cuda") return "nvidia/nvidia-v100";
  if (kind == "cuda-tensorcore") return "nvidia/nvidia-a100";
  HONE_CHECK(kind == "hexagon") << kind;
  return "qcom/hexagon-v68";
}

}  // namespace hone
