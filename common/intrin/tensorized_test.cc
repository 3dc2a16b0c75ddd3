// Schedules that end in tensor intrinsics, run by the interpreter against the program that they came from.
#include <gtest/gtest.h>

#include <string>

#include "common/interp/interpreter.h"
#include "common/intrin/intrin.h"
#include "common/schedule/schedule.h"
#include "common/schedule/trace_json.h"
#include "common/script/parser.h"
#include "common/script/printer.h"
#include "common/support/status_matchers.h"
#include "common/support/strings.h"

namespace hone {
namespace {

// C = A * B, or A * B^T.
std::string Matmul(std::string_view in, std::string_view out, bool trans, int size = 32) {
  const std::string n = std::to_string(size);
  return StrCat(
      "@T.prim_func\ndef main(A: T.Buffer((", n, ", ", n, "), \"", in, "\"), B: T.Buffer((", n, ", ", n, "), \"", in,
      "\"), C: T.Buffer((", n, ", ", n, "), \"", out, "\")):\n    for i, j, k in T.grid(", n, ", ", n, ", ", n,
      "):\n        with T.block(\"C\"):\n            vi, vj, vk = T.axis.remap(\"SSR\", [i, j, k])\n",
      "            with T.init():\n                C[vi, vj] = T.", out, "(0)\n            C[vi, vj] = C[vi, vj] + ",
      in == out ? "A[vi, vk]" : StrCat("T.Cast(\"", out, "\", A[vi, vk])"), " * ",
      in == out ? (trans ? "B[vj, vk]" : "B[vk, vj]")
                : StrCat("T.Cast(\"", out, "\", B[", trans ? "vj, vk" : "vk, vj", "])"),
      "\n");
}

void ExpectComputesTheSame(std::string_view module_text, std::string_view trace) {
  ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(module_text));
  schedule::ScheduleOptions options;
  options.intrinsics = FindTensorIntrin;
  ASSERT_OK_AND_ASSIGN(schedule::Schedule schedule, schedule::Schedule::Create(module, options));
  ASSERT_OK(schedule::ApplyTraceJson(schedule, trace));
  for (int seed = 1; seed <= 2; ++seed) {
    EXPECT_OK(interp::ExpectSameResults(module, schedule.module(), seed)) << script::PrintModule(schedule.module());
  }
}

// Tiles of 16 x 16 x 16; all stages through shared memory and fragments. `intrins`: fill, load a, load b, sync, store.
std::string WmmaTrace(std::string_view fill, std::string_view load_a, std::string_view load_b, std::string_view sync,
                      std::string_view store) {
  const auto tensorize = [](std::string_view loop, std::string_view intrin) {
    return intrin.empty() ? std::string() : StrCat(",[\"Tensorize\",[\"", loop, "\"],[\"", intrin, "\",true],[]]");
  };
  return StrCat(
      R"([[["GetBlock",[],["C","main"],["b0"]],["GetLoops",["b0"],[],["l1","l2","l3"]],)",
      R"(["Split",["l1","None",16],[1,0],["l4","l5"]],["Split",["l2","None",16],[1,0],["l6","l7"]],)",
      R"(["Split",["l3","None",16],[1,0],["l8","l9"]],["Reorder",["l4","l6","l8","l5","l7","l9"],[],[]],)",
      R"(["CacheRead",["b0",[]],[0,"shared"],["b10"]],["CacheRead",["b0",[]],[1,"shared"],["b11"]],)",
      R"(["CacheRead",["b0",[]],[0,"wmma.matrix_a"],["b12"]],["CacheRead",["b0",[]],[1,"wmma.matrix_b"],["b13"]],)",
      R"(["CacheWrite",["b0",[]],[0,"wmma.accumulator"],["b14"]],["ComputeAt",["b12","l8"],[0,-1],[]],)",
      R"(["ComputeAt",["b13","l8"],[0,-1],[]],["ReverseComputeAt",["b14","l6"],[0,-1],[]],)",
      R"(["Bind",["l4"],["threadIdx.y"],[]],["DecomposeReduction",["b0","l8"],[],["b15"]],["GetLoops",["b15"],[],["l16","l17","l18","l19"]],)",
      R"(["GetLoops",["b12"],[],["l20","l21","l22","l23","l24"]],["GetLoops",["b13"],[],["l25","l26","l27","l28","l29"]],)",
      R"(["GetLoops",["b14"],[],["l30","l31","l32","l33"]])", tensorize("l18", fill), tensorize("l23", load_a),
      tensorize("l28", load_b), tensorize("l5", sync), tensorize("l32", store), "],[]]");
}

TEST(TensorizedTest, WmmaMatmulOfHalves) {
  ExpectComputesTheSame(
      Matmul("float16", "float32", false),
      WmmaTrace("wmma_fill_16x16x16_f32", "wmma_load_16x16x16_f16_a_shared", "wmma_load_16x16x16_f16_b_shared",
                "wmma_sync_16x16x16_f16f16f32", "wmma_store_16x16x16_f32_global"));
}

TEST(TensorizedTest, WmmaMatmulWithATransposedOperand) {
  ExpectComputesTheSame(
      Matmul("float16", "float16", true),
      WmmaTrace("wmma_fill_16x16x16_f16", "wmma_load_16x16x16_f16_a_shared", "wmma_load_16x16x16_f16_b_trans_shared",
                "wmma_sync_16x16x16_f16f16f16_trans", "wmma_store_16x16x16_f16_global"));
  ExpectComputesTheSame(
      Matmul("int8", "int32", true),
      WmmaTrace("wmma_fill_16x16x16_s32", "wmma_load_16x16x16_s8_a_shared", "wmma_load_16x16x16_s8_b_trans_shared",
                "wmma_sync_16x16x16_s8s8s32_trans", "wmma_store_16x16x16_s32_global"));
}

// What is still plain loops sees what the intrinsics wrote, and the other way round.
TEST(TensorizedTest, PartsOfAWmmaMatmul) {
  const char* const all[] = {"wmma_fill_16x16x16_f32", "wmma_load_16x16x16_f16_a_shared",
                             "wmma_load_16x16x16_f16_b_shared", "wmma_sync_16x16x16_f16f16f32",
                             "wmma_store_16x16x16_f32_global"};
  for (int mask = 0; mask < 32; mask += 3) {
    std::string_view use[5];
    for (int i = 0; i < 5; ++i) use[i] = mask >> i & 1 ? all[i] : "";
    ExpectComputesTheSame(Matmul("float16", "float32", false), WmmaTrace(use[0], use[1], use[2], use[3], use[4]));
  }
}

TEST(TensorizedTest, MmaM16n8k8Matmul) {
  for (const bool wide : {false, true}) {
    const std::string_view out = wide ? "float32" : "float16";
    const std::string_view f = wide ? "f32" : "f16";
    ExpectComputesTheSame(
        Matmul("float16", out, false, 64),
        StrCat(
            R"([[["GetBlock",[],["C","main"],["b0"]],["GetLoops",["b0"],[],["l1","l2","l3"]],)",
            R"(["Split",["l1","None",32],[1,0],["l4","l5"]],["Split",["l2","None",32],[1,0],["l6","l7"]],)",
            R"(["Split",["l3","None",8],[1,0],["l8","l9"]],["Split",["l5","None",16],[1,0],["l10","l11"]],)",
            R"(["Split",["l7","None",8],[1,0],["l12","l13"]],["Reorder",["l4","l6","l8","l10","l12","l11","l13","l9"],[],[]],)",
            R"(["CacheRead",["b0",[]],[0,"shared.dyn"],["b14"]],["CacheRead",["b0",[]],[1,"shared.dyn"],["b15"]],)",
            R"(["CacheRead",["b0",[]],[0,"m16n8k8.matrixA"],["b16"]],["CacheRead",["b0",[]],[1,"m16n8k8.matrixB"],["b17"]],)",
            R"(["ComputeAt",["b16","l8"],[0,-1],[]],["ComputeAt",["b17","l8"],[0,-1],[]],)",
            R"(["CacheWrite",["b0",[]],[0,"shared.dyn"],["b24"]],["CacheWrite",["b0",[]],[0,"m16n8k8.matrixC"],["b25"]],)",
            R"(["ReverseComputeAt",["b25","l6"],[0,-1],[]],["DecomposeReduction",["b0","l8"],[],["b26"]],)",
            R"(["GetLoops",["b16"],[],["l30","l31","l32","l33","l34"]],["GetLoops",["b17"],[],["l35","l36","l37","l38","l39"]],)",
            R"(["GetLoops",["b26"],[],["l40","l41","l42","l43","l44","l45"]],["GetLoops",["b25"],[],["l46","l47","l48","l49"]],)",
            R"(["Split",["l48","None",16],[1,0],["l50","l51"]],["Split",["l49","None",8],[1,0],["l52","l53"]],)",
            R"(["Reorder",["l50","l52","l51","l53"],[],[]],)", R"(["Tensorize",["l44"],["mma_init_m16n8k8_)", f,
            R"(",true],[]],["Tensorize",["l33"],["mma_load_m16n8k8_f16_A_shared_dyn",true],[]],)",
            R"(["Tensorize",["l38"],["mma_load_m16n8k8_f16_B_shared_dyn",true],[]],)",
            R"(["Tensorize",["l11"],["mma_sync_m16n8k8_f16f16)", f,
            R"(",true],[]],["Tensorize",["l51"],["mma_store_m16n8k8_)", f, R"(_global",true],[]]],[]])"));
  }
}

TEST(TensorizedTest, DotProductOfAGpu) {
  ExpectComputesTheSame(Matmul("int8", "int32", true),
                        R"([[["GetBlock",[],["C","main"],["b0"]],["GetLoops",["b0"],[],["l1","l2","l3"]],
         ["Split",["l3","None",4],[1,0],["l4","l5"]],["CacheRead",["b0",[]],[0,"shared"],["b6"]],
         ["CacheRead",["b0",[]],[1,"shared"],["b7"]],["CacheWrite",["b0",[]],[0,"local"],["b8"]],
         ["ReverseComputeAt",["b8","l2"],[0,-1],[]],["Bind",["l2"],["threadIdx.x"],[]],
         ["DecomposeReduction",["b0","l4"],[],["b9"]],["Tensorize",["l5"],["dp4a_s8s8s32",true],[]]],[]])");
}

}  // namespace
}  // namespace hone
