// Code for CPUs with fewer and shorter vectors than this machine: it computes what the interpreter does, and holds no
// instruction or register that the CPU lacks. Tails of vectors, requests ahead and stores past the caches on each.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <regex>
#include <string>
#include <vector>

#include "common/lower/lower.h"
#include "common/script/parser.h"
#include "common/support/status_macros.h"
#include "common/support/status_matchers.h"
#include "common/support/strings.h"
#include "worker/codegen/llvm/llvm_codegen.h"
#include "worker/codegen/llvm/testing/compiled_function.h"

namespace hone::codegen {
namespace {

struct Cpu {
  const char* target;
  const char* lacks;  // What its assembly may not hold.
};

// Instructions of AVX and later begin with v, and few others do.
constexpr char kVex[] = R"(\n\tv(?!err|erw|mcall|mfunc|mlaunch|mload|mread|mresume|mwrite|mxo)[a-z])";
constexpr char kAvx512[] = R"(%zmm|%k[0-7]|%[xy]mm(1[6-9]|2[0-9]|3[01]))";

std::vector<Cpu> Cpus() {
  static const std::string avx512 = kAvx512;
  static const std::string avx_only =
      avx512 + R"(|\n\tvfn?m(add|sub)|\n\tvpbroadcast|\n\tvp(add|mull|sub|madd)[a-z]*\s[^\n]*%ymm)";
  static const std::string sse42 = std::string(kVex) + "|%ymm|" + avx512;
  static const std::string sse2 =
      sse42 + R"(|\n\t(pmulld|pshufb|blendvps|roundps|pmaddubsw|dpps|ptest|pinsrd|pextrd|pmovzx|pmovsx))";
  static const std::string avx2 = avx512 + R"(|vpdpbusd|vdpbf16ps)";
  static const std::string no_vnni = R"(vpdpbusd|vdpbf16ps)";
  return {{"llvm -mcpu=x86-64", sse2.c_str()},          {"llvm -mcpu=nehalem", sse42.c_str()},
          {"llvm -mcpu=sandybridge", avx_only.c_str()}, {"llvm -mcpu=haswell", avx2.c_str()},
          {"llvm -mcpu=znver3", avx2.c_str()},          {"llvm -mcpu=skylake-avx512", no_vnni.c_str()}};
}

absl::StatusOr<std::string> AssemblyOf(const std::string& script, const Target& target) {
  HONE_ASSIGN_OR_RETURN(const ir::IRModule module, script::ParseModule(script));
  HONE_ASSIGN_OR_RETURN(const ir::IRModule lowered, lower::Lower(module, target));
  CompileOptions options;
  options.assembly = true;
  HONE_ASSIGN_OR_RETURN(const CompiledKernel kernel, CompileCpu(lowered, target, options));
  return kernel.assembly;
}

// `name`: (...) -> element by element; `value` of it.
std::string Elementwise(std::string_view from, std::string_view to, int64_t count, std::string_view value,
                        std::string_view loop = "T.vectorized") {
  return StrCat(R"(
@T.prim_func
def main(A: T.Buffer(()",
                count, R"(,), ")", from, R"("), B: T.Buffer(()", count, R"(,), ")", to, R"(")):
    T.func_attr({"tir.noalias": T.bool(True)})
    for i in )",
                loop, "(", count, R"():
        with T.block("b"):
            v = T.axis.spatial()",
                count, R"(, i)
            T.reads(A[v])
            T.writes(B[v])
            B[v] = )",
                value, "\n");
}

std::string Matmul(std::string_view a, std::string_view b, std::string_view c, int64_t n) {
  return StrCat(R"(
@T.prim_func
def main(A: T.Buffer((12, 64), ")",
                a, R"("), B: T.Buffer((64, )", n, R"(), ")", b, R"("), C: T.Buffer((12, )", n, R"(), ")", c, R"(")):
    T.func_attr({"tir.noalias": T.bool(True)})
    for i in T.parallel(12):
        for k in range(64):
            for j in T.vectorized()",
                n, R"():
                with T.block("c"):
                    vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                    T.reads(A[vi, vk], B[vk, vj])
                    T.writes(C[vi, vj])
                    with T.init():
                        C[vi, vj] = T.Cast(")",
                c, R"(", 0)
                    C[vi, vj] = C[vi, vj] + T.Cast(")",
                c, R"(", A[vi, vk]) * T.Cast(")", c, R"(", B[vk, vj])
)");
}

std::vector<std::string> Programs() {
  return {
      Matmul("float32", "float32", "float32", 48),
      Matmul("float32", "float32", "float32", 37),
      Matmul("float64", "float64", "float64", 24),
      Matmul("uint8", "int8", "int32", 64),
      Matmul("bfloat16", "bfloat16", "float32", 32),
      Matmul("float16", "float16", "float32", 40),
      Matmul("e4m3_float8", "e5m2_float8", "float32", 32),
      Elementwise("float32", "float32", 100, "T.exp(A[v]) + T.tanh(A[v])"),
      Elementwise("float32", "float32", 100, "T.erf(A[v]) * T.sigmoid(A[v]) + T.log(A[v] + T.float32(2))"),
      Elementwise("float32", "float32", 64, "T.round(A[v] * T.float32(9)) + T.floor(A[v]) + T.sqrt(T.abs(A[v]))"),
      Elementwise("float32", "float16", 50, "T.Cast(\"float16\", A[v] * T.float32(3))"),
      Elementwise("float32", "int8", 70, "T.Cast(\"int8\", A[v] * T.float32(100))"),
      Elementwise("int8", "int64", 33, "T.Cast(\"int64\", A[v]) * T.int64(1000003) // T.int64(7)"),
      Elementwise("int32", "int32", 65, "T.max(A[v] % 17, A[v] // 5) - T.abs(A[v])"),
      Elementwise("uint8", "uint8", 130, "T.Select(A[v] < T.uint8(100), A[v] + T.uint8(1), A[v] * T.uint8(3))"),
  };
}

TEST(OlderCpusTest, ComputeWhatTheInterpreterDoes) {
  for (const Cpu& cpu : Cpus()) {
    ASSERT_OK_AND_ASSIGN(const Target target, Target::Parse(cpu.target));
    for (const std::string& text : Programs()) {
      ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(text));
      EXPECT_OK(ExpectCompiledAgrees(module, target, 1)) << cpu.target << "\n" << text;
    }
  }
}

TEST(OlderCpusTest, UseNoInstructionThatTheCpuLacks) {
  for (const Cpu& cpu : Cpus()) {
    ASSERT_OK_AND_ASSIGN(const Target target, Target::Parse(cpu.target));
    const std::regex lacks(cpu.lacks);
    for (const std::string& text : Programs()) {
      ASSERT_OK_AND_ASSIGN(const std::string assembly, AssemblyOf(text, target));
      std::smatch found;
      EXPECT_FALSE(std::regex_search(assembly, found, lacks)) << cpu.target << " lacks \"" << found.str() << "\" in\n"
                                                              << text;
    }
  }
}

TEST(OlderCpusTest, UseTheLongestVectorsThereAre) {
  const std::pair<const char*, const char*> widest[] = {{"llvm -mcpu=x86-64", "%xmm"},
                                                        {"llvm -mcpu=sandybridge", "%ymm"},
                                                        {"llvm -mcpu=haswell", "vfmadd[0-9a-z]+\\s[^\\n]*%ymm"},
                                                        {"llvm -mcpu=skylake-avx512", "vfmadd[0-9a-z]+\\s[^\\n]*%zmm"}};
  for (const auto& [text, vectors] : widest) {
    ASSERT_OK_AND_ASSIGN(const Target target, Target::Parse(text));
    ASSERT_OK_AND_ASSIGN(const std::string assembly, AssemblyOf(Programs()[0], target));
    EXPECT_TRUE(std::regex_search(assembly, std::regex(vectors))) << text << assembly;
  }
}

// A loop over `count` elements in pieces of 16, the last one under a condition.
std::string Tail(std::string_view type, int64_t count) {
  return StrCat(R"(
@T.prim_func
def main(A: T.Buffer(()",
                count, R"(,), ")", type, R"("), B: T.Buffer(()", count, R"(,), ")", type, R"(")):
    T.func_attr({"tir.noalias": T.bool(True)})
    for io in range()",
                (count + 15) / 16, R"():
        for ii in T.vectorized(16):
            with T.block("b"):
                v = T.axis.spatial()",
                count, R"(, io * 16 + ii)
                T.where(io * 16 + ii < )",
                count, R"()
                T.reads(A[v])
                T.writes(B[v])
                B[v] = A[v] + A[v]
)");
}

TEST(OlderCpusTest, TailsOfVectorsTouchNothingBehindTheBuffer) {
  for (const Cpu& cpu : Cpus()) {
    ASSERT_OK_AND_ASSIGN(const Target target, Target::Parse(cpu.target));
    for (std::string_view type : {"float32", "float64", "int8", "float16", "int32"}) {
      for (const int64_t count : {1, 3, 15, 16, 17, 31, 37, 100}) {
        // Bytes around the buffers are watched.
        for (const std::string& text : {Tail(type, count), Elementwise(type, type, count, "A[v] + A[v]")}) {
          ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(text));
          EXPECT_OK(ExpectCompiledAgrees(module, target, 1)) << cpu.target << "\n" << text;
        }
      }
    }
  }
}

TEST(OlderCpusTest, TailsAreVectorsUnderAMaskWhereThereAreMasks) {
  ASSERT_OK_AND_ASSIGN(const Target target, Target::Parse("llvm -mcpu=skylake-avx512"));
  for (const int64_t count : {37, 61, 103}) {
    for (const std::string& text : {Tail("float32", count), Elementwise("float32", "float32", count, "A[v] + A[v]")}) {
      ASSERT_OK_AND_ASSIGN(const std::string assembly, AssemblyOf(text, target));
      EXPECT_NE(assembly.find("{%k"), std::string::npos) << text << assembly;
      EXPECT_EQ(assembly.find("vaddss"), std::string::npos) << text << assembly;
    }
  }
}

TEST(OlderCpusTest, ALoopThatIsToldSoAsksForLaterRows) {
  const std::string script = R"(
@T.prim_func
def main(A: T.Buffer((100, 64), "float32"), B: T.Buffer((64,), "float32")):
    T.func_attr({"tir.noalias": T.bool(True)})
    for k in T.serial(100, annotations={"pragma_prefetch": 4}):
        for j in T.vectorized(64):
            with T.block("sum"):
                vk, vj = T.axis.remap("RS", [k, j])
                T.reads(A[vk, vj])
                T.writes(B[vj])
                with T.init():
                    B[vj] = T.float32(0)
                B[vj] = B[vj] + A[vk, vj]
)";
  ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(script));
  std::string silent = script;
  silent.replace(silent.find("pragma_prefetch"), 15, "not_a_pragma___");
  for (const Cpu& cpu : Cpus()) {
    ASSERT_OK_AND_ASSIGN(const Target target, Target::Parse(cpu.target));
    ASSERT_OK_AND_ASSIGN(const std::string assembly, AssemblyOf(script, target));
    EXPECT_NE(assembly.find("prefetcht0"), std::string::npos) << cpu.target;
    ASSERT_OK_AND_ASSIGN(const std::string plain, AssemblyOf(silent, target));
    EXPECT_EQ(plain.find("prefetch"), std::string::npos) << cpu.target;
    EXPECT_OK(ExpectCompiledAgrees(module, target, 1)) << cpu.target;
  }
}

TEST(OlderCpusTest, StoresPastTheCachesAreVectorsOfTheCpu) {
  for (const int64_t columns : {64, 61}) {
    const std::string script = StrCat(R"(
@T.prim_func
def main(A: T.Buffer((64, )",
                                      columns, R"(), "float32"), B: T.Buffer((64, )", columns, R"(), "float32")):
    for i in T.parallel(64, annotations={"pragma_non_temporal": 1}):
        for j in T.vectorized()",
                                      columns, R"():
            with T.block("b"):
                vi, vj = T.axis.remap("SS", [i, j])
                T.reads(A[vi, vj])
                T.writes(B[vi, vj])
                B[vi, vj] = A[vi, vj] + T.float32(1)
)");
    ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(script));
    for (const Cpu& cpu : Cpus()) {
      ASSERT_OK_AND_ASSIGN(const Target target, Target::Parse(cpu.target));
      EXPECT_OK(ExpectCompiledAgrees(module, target, 1)) << cpu.target;
      ASSERT_OK_AND_ASSIGN(const std::string assembly, AssemblyOf(script, target));
      EXPECT_NE(assembly.find("sfence"), std::string::npos) << cpu.target;
      // Rows that do not begin at a vector's boundary cannot go past the caches.
      if (columns == 61) {
        EXPECT_EQ(assembly.find("movntp"), std::string::npos) << cpu.target << assembly;
      }
      if (columns == 64) {
        EXPECT_NE(assembly.find("movntp"), std::string::npos) << cpu.target << assembly;
      }
    }
  }
}

TEST(OlderCpusTest, BuffersThatBeginAnywhereAreStoredPlainly) {
  const std::string script = R"(
@T.prim_func
def main(A: T.Buffer((4, 64), "float32"), B: T.Buffer((4, 64), "float32")):
    for i in T.serial(4, annotations={"pragma_non_temporal": 1}):
        for j in T.vectorized(64):
            with T.block("b"):
                vi, vj = T.axis.remap("SS", [i, j])
                T.reads(A[vi, vj])
                T.writes(B[vi, vj])
                B[vi, vj] = A[vi, vj] + T.float32(1)
)";
  ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(script));
  for (const Cpu& cpu : Cpus()) {
    ASSERT_OK_AND_ASSIGN(const Target target, Target::Parse(cpu.target));
    ASSERT_OK_AND_ASSIGN(const CompiledFunction function, CompiledFunction::Make(module, target));
    alignas(64) float a[256 + 16];
    alignas(64) float b[256 + 16];
    for (size_t i = 0; i < std::size(a); ++i) a[i] = static_cast<float>(i);
    for (const size_t shift : {0, 1, 4, 8, 15}) {
      std::fill(std::begin(b), std::end(b), -1.0f);
      void* buffers[] = {a + shift, b + shift};
      ASSERT_EQ(function.Call(buffers), 0);
      for (size_t i = 0; i < 256; ++i) ASSERT_EQ(b[shift + i], a[shift + i] + 1) << cpu.target << " " << shift;
    }
  }
}

}  // namespace
}  // namespace hone::codegen
