#include "worker/codegen/llvm/llvm_codegen.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "common/lower/copied_loops_programs.h"
#include "common/lower/lower.h"
#include "common/script/parser.h"
#include "common/support/status_macros.h"
#include "common/support/status_matchers.h"
#include "common/workload/standard.h"
#include "worker/codegen/llvm/shared_library.h"
#include "worker/codegen/llvm/spills.h"
#include "worker/codegen/llvm/testing/compiled_function.h"

namespace hone::codegen {
namespace {

// CPUs that this machine can run code for: its own, and older ones.
std::vector<Target> RunnableTargets() {
  std::vector<Target> out;
  for (const char* text : {"llvm -mcpu=x86-64", "llvm -mcpu=haswell", "llvm -mcpu=skylake-avx512"}) {
    out.push_back(Target::Parse(text).value());
  }
  return out;
}

TEST(LlvmCodegenTest, UnscheduledMatmulComputesWhatTheInterpreterDoes) {
  for (const Target& target : RunnableTargets()) {
    EXPECT_OK(ExpectCompiledAgrees(workload::Matmul(17, 12, 9, /*relu=*/true), target, 1)) << target.ToString();
  }
}

absl::StatusOr<CompiledKernel> Compile(std::string_view script, const Target& target, const CompileOptions& options) {
  HONE_ASSIGN_OR_RETURN(const ir::IRModule module, script::ParseModule(script));
  HONE_ASSIGN_OR_RETURN(const ir::IRModule lowered, lower::Lower(module, target));
  return CompileCpu(lowered, target, options);
}

TEST(LlvmCodegenTest, NarrowFloatsRoundAsTheInterpreterDoes) {
  constexpr char kScript[] = R"(
@T.prim_func
def main(A: T.Buffer((40,), "bfloat16"), B: T.Buffer((40,), "e4m3_float8"), C: T.Buffer((40,), "bfloat16"),
         D: T.Buffer((40,), "e5m2_float8"), E: T.Buffer((40,), "float16")):
    for i in T.vectorized(40):
        with T.block("c"):
            v = T.axis.spatial(40, i)
            T.reads(A[v], B[v])
            T.writes(C[v], D[v], E[v])
            C[v] = A[v] + A[v]
            D[v] = T.Cast("e5m2_float8", T.Cast("float32", B[v]) * T.float32(0.3))
            E[v] = T.Cast("float16", B[v])
)";
  ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(kScript));
  for (const Target& target : RunnableTargets()) {
    for (uint64_t seed = 1; seed < 6; ++seed)
      EXPECT_OK(ExpectCompiledAgrees(module, target, seed)) << target.ToString();
  }
}

TEST(LlvmCodegenTest, VirtualThreadsPipelinesAndDoubleBuffersComputeWhatTheInterpreterDoes) {
  for (const std::string& text : lower::CopiedLoopsPrograms()) {
    ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(text));
    for (const Target& target : RunnableTargets()) EXPECT_OK(ExpectCompiledAgrees(module, target, 1)) << text;
  }
}

TEST(LlvmCodegenTest, ParallelLoopsRunInTasksAndReportErrors) {
  constexpr char kScript[] = R"(
@T.prim_func
def main(A: T.Buffer((37, 5), "float32"), B: T.Buffer((37, 5), "float32"), n: T.int32):
    for i in T.parallel(37):
        for j in range(5):
            with T.block("b"):
                vi, vj = T.axis.remap("SS", [i, j])
                T.reads(A[vi, vj])
                T.writes(B[vi, vj])
                assert n < 10, "too large"
                B[vi, vj] = A[vi, vj] * T.Cast("float32", n)
)";
  const Target target = RunnableTargets().back();
  ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(kScript));
  ASSERT_OK_AND_ASSIGN(const CompiledFunction function, CompiledFunction::Make(module, target));
  std::vector<float> a(37 * 5, 2.0f), b(37 * 5);
  int32_t n = 3;
  void* buffers[] = {a.data(), b.data(), &n};
  EXPECT_EQ(function.Call(buffers), 0);
  for (float value : b) EXPECT_EQ(value, 6.0f);
  n = 10;
  EXPECT_NE(function.Call(buffers), 0);
}

TEST(LlvmCodegenTest, AccumulatorsOfARegisterTileStayInRegisters) {
  constexpr char kScript[] = R"(
@T.prim_func
def main(A: T.Buffer((8, 256), "float32"), B: T.Buffer((256, 32), "float32"), C: T.Buffer((8, 32), "float32")):
    for k in range(256):
        for i in range(8):
            for j in T.vectorized(32):
                with T.block("c"):
                    vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                    T.reads(C[vi, vj], A[vi, vk], B[vk, vj])
                    T.writes(C[vi, vj])
                    C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
)";
  CompileOptions options;
  options.assembly = true;
  ASSERT_OK_AND_ASSIGN(const CompiledKernel kernel,
                       Compile(kScript, Target::Parse("llvm -mcpu=skylake-avx512").value(), options));
  // The loop between the first and the last multiply-add: no store, and nothing from the stack.
  const size_t begin = kernel.assembly.find("vfmadd"), end = kernel.assembly.rfind("vfmadd");
  ASSERT_NE(begin, std::string::npos);
  const std::string loop = kernel.assembly.substr(begin, end - begin);
  EXPECT_EQ(loop.find("(%rsp)"), std::string::npos) << loop;
  EXPECT_EQ(loop.find("(%rbp)"), std::string::npos) << loop;
  EXPECT_EQ(loop.find(", ("), std::string::npos) << loop;
  int count = 0;
  for (size_t at = begin; at != std::string::npos; at = kernel.assembly.find("vfmadd", at + 1)) ++count;
  EXPECT_EQ(count, 16);
}

// C[$M, $N] += A[$M, 256] x B[256, $N], the loops over $M and $N inside of that over k.
std::string TileProgram(int rows, int columns) {
  std::string text = R"(
@T.prim_func
def main(A: T.Buffer(($M, 256), "float32"), B: T.Buffer((256, $N), "float32"), C: T.Buffer(($M, $N), "float32")):
    T.func_attr({"tir.noalias": T.bool(True)})
    for k in range(256):
        for i in range($M):
            for j in T.vectorized($N):
                with T.block("c"):
                    vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                    T.reads(C[vi, vj], A[vi, vk], B[vk, vj])
                    T.writes(C[vi, vj])
                    with T.init():
                        C[vi, vj] = T.float32(0)
                    C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
)";
  for (const auto& [key, value] : {std::pair{"$M", rows}, std::pair{"$N", columns}}) {
    for (size_t at; (at = text.find(key)) != std::string::npos;) text.replace(at, 2, std::to_string(value));
  }
  return text;
}

TEST(LlvmCodegenTest, InnerLoopsOfMatmulsKeepNothingOnTheStackWhateverTheTile) {
  CompileOptions options;
  options.assembly = true;
  // Those that fit and those that do not: these are cut. (A single row of 128 has just as many accumulators as AVX2 has
  // registers and cannot be cut by rows: two of them stay on the stack.)
  const std::pair<int, int> tiles[] = {{8, 32}, {4, 64}, {6, 16}, {4, 8}, {16, 64}, {12, 48}, {1, 96}, {32, 16}};
  for (const Target& target : RunnableTargets()) {
    for (const auto& [rows, columns] : tiles) {
      ASSERT_OK_AND_ASSIGN(const CompiledKernel kernel, Compile(TileProgram(rows, columns), target, options));
      const InnerLoopSpills spills = CountInnerLoopSpills(kernel.assembly);
      EXPECT_GT(spills.loops, 0);
      EXPECT_EQ(spills.spills, 0) << target.ToString() << " " << rows << " x " << columns << kernel.assembly;
      EXPECT_EQ(spills.reloads, 0) << target.ToString() << " " << rows << " x " << columns << kernel.assembly;
    }
  }
}

TEST(LlvmCodegenTest, SpillsInInnerLoopsAreCounted) {
  constexpr char kAssembly[] = R"(
	vmovups	%zmm0, 64(%rsp)                 # 64-byte Spill
.LBB0_1:                                # %i
                                        # =>This Loop Header: Depth=1
                                        #     Child Loop BB0_2 Depth 2
	vmovups	64(%rsp), %zmm0                 # 64-byte Reload
.LBB0_2:                                # %k
                                        #   Parent Loop BB0_1 Depth=1
                                        # =>  This Inner Loop Header: Depth=2
	vmovups	%zmm1, 128(%rsp)                # 64-byte Spill
	vfmadd231ps	192(%rsp), %zmm3, %zmm2 # 64-byte Folded Reload
# %bb.3:                                # %then
                                        #   in Loop: Header=BB0_2 Depth=2
	vmovups	128(%rsp), %zmm1                # 64-byte Reload
.LBB0_4:                                # %end
                                        #   in Loop: Header=BB0_1 Depth=1
	vmovups	128(%rsp), %zmm1                # 64-byte Reload
)";
  const InnerLoopSpills spills = CountInnerLoopSpills(kAssembly);
  EXPECT_EQ(spills.loops, 1);
  EXPECT_EQ(spills.spills, 1);
  EXPECT_EQ(spills.reloads, 2);
}

TEST(LlvmCodegenTest, SymbolicShapesAreReadBehindTheParameters) {
  constexpr char kScript[] = R"(
@T.prim_func
def main(a: T.handle, b: T.handle, c: T.handle):
    n = T.int32()
    m = T.int32()
    A = T.match_buffer(a, (n, m), "float32")
    B = T.match_buffer(b, (m,), "float32")
    C = T.match_buffer(c, (n,), "float32")
    D = T.alloc_buffer((n, m))
    for i, j in T.grid(n, m):
        with T.block("d"):
            vi, vj = T.axis.remap("SS", [i, j])
            T.reads(A[vi, vj], B[vj])
            T.writes(D[vi, vj])
            D[vi, vj] = A[vi, vj] * B[vj]
    for i in T.parallel(n):
        for j in range(m):
            with T.block("c"):
                vi, vj = T.axis.remap("SR", [i, j])
                T.reads(D[vi, vj])
                T.writes(C[vi])
                with T.init():
                    C[vi] = T.float32(0)
                C[vi] = C[vi] + D[vi, vj]
)";
  ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(kScript));
  for (const Target& target : RunnableTargets()) {
    ASSERT_OK_AND_ASSIGN(const CompiledFunction function, CompiledFunction::Make(module, target));
    for (const auto& [rows, columns] : std::vector<std::pair<int64_t, int64_t>>{{5, 7}, {1, 33}, {16, 1}}) {
      std::vector<float> a(static_cast<size_t>(rows * columns)), b(static_cast<size_t>(columns)),
          c(static_cast<size_t>(rows) + 1, -1.0f);
      for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(i % 13);
      for (size_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(i % 5);
      int64_t n = rows, m = columns;
      void* buffers[] = {a.data(), b.data(), c.data(), &n, &m};
      ASSERT_EQ(function.Call(buffers), 0);
      for (int64_t i = 0; i < rows; ++i) {
        float sum = 0;
        for (int64_t j = 0; j < columns; ++j)
          sum += a[static_cast<size_t>(i * columns + j)] * b[static_cast<size_t>(j)];
        EXPECT_EQ(c[static_cast<size_t>(i)], sum) << target.ToString() << " " << rows << " x " << columns;
      }
      EXPECT_EQ(c[static_cast<size_t>(rows)], -1.0f);
    }
  }
}

TEST(LlvmCodegenTest, StoresThatAreToldSoGoPastTheCaches) {
  constexpr char kScript[] = R"(
@T.prim_func
def main(A: T.Buffer((64, 64), "float32"), B: T.Buffer((64, 64), "float32")):
    for i in T.parallel(64, annotations={"pragma_non_temporal": 1}):
        for j in T.vectorized(64):
            with T.block("b"):
                vi, vj = T.axis.remap("SS", [i, j])
                T.reads(A[vi, vj])
                T.writes(B[vi, vj])
                B[vi, vj] = A[vi, vj] + T.float32(1)
)";
  CompileOptions options;
  options.llvm_ir = true;
  const Target target = RunnableTargets().back();
  ASSERT_OK_AND_ASSIGN(const CompiledKernel kernel, Compile(kScript, target, options));
  EXPECT_NE(kernel.llvm_ir.find("!nontemporal"), std::string::npos);
  EXPECT_NE(kernel.llvm_ir.find("sfence"), std::string::npos);
  ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(kScript));
  EXPECT_OK(ExpectCompiledAgrees(module, target, 1));
}

TEST(LlvmCodegenTest, AnOperationWithoutCodeIsNamed) {
  constexpr char kScript[] = R"(
@T.prim_func
def main(A: T.Buffer((4,), "float32")):
    for i in range(4):
        with T.block("a"):
            v = T.axis.spatial(4, i)
            T.reads()
            T.writes(A[v])
            A[v] = T.call_extern("float32", "no_such_function")
            T.evaluate(T.tvm_warp_activemask())
)";
  EXPECT_STATUS(Compile(kScript, RunnableTargets()[0], {}), absl::StatusCode::kUnimplemented, "tvm_warp_activemask");
}

TEST(LlvmCodegenTest, ExportsASharedLibraryThatLoads) {
  constexpr char kScript[] = R"(
@T.prim_func
def main(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
    for i in T.parallel(64):
        with T.block("b"):
            v = T.axis.spatial(64, i)
            T.reads(A[v])
            T.writes(B[v])
            B[v] = T.sin(A[v])
)";
  CompileOptions options;
  options.entry = "my_sin";
  ASSERT_OK_AND_ASSIGN(const CompiledKernel kernel, Compile(kScript, RunnableTargets()[0], options));
  ASSERT_OK_AND_ASSIGN(const std::string library, LinkSharedLibrary(kernel.object));
  const std::string path = ::testing::TempDir() + "/my_sin.so";
  std::ofstream(path, std::ios::binary) << library;
  void* handle = dlopen(path.c_str(), RTLD_NOW);
  ASSERT_NE(handle, nullptr) << dlerror();
  auto* entry = reinterpret_cast<int32_t (*)(void**)>(dlsym(handle, "my_sin"));
  ASSERT_NE(entry, nullptr);
  std::vector<float> a(64, 0.5f), b(64);
  void* buffers[] = {a.data(), b.data()};
  EXPECT_EQ(entry(buffers), 0);
  EXPECT_FLOAT_EQ(b[63], std::sin(0.5f));
  dlclose(handle);
}

}  // namespace
}  // namespace hone::codegen
