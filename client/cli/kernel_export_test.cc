#include "client/cli/kernel_export.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "common/support/status_matchers.h"

namespace hone::cli {
namespace {

std::string Read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

KernelExport Example(const std::string& name, const std::string& format) {
  KernelExport wanted;
  wanted.module = Read("examples/" + name + ".py");
  wanted.target = "llvm";
  wanted.name = name;
  wanted.format = format;
  return wanted;
}

std::string Exported(const KernelExport& wanted) {
  absl::StatusOr<std::string> bytes = ExportKernel(wanted);
  EXPECT_OK(bytes.status());
  return bytes.ok() ? *bytes : "";
}

constexpr char kSmall[] =
    "@T.prim_func\n"
    "def main(A: T.Buffer((8,), \"float32\"), B: T.Buffer((8,), \"float32\")):\n"
    "    for i in T.parallel(8):\n"
    "        with T.block(\"B\"):\n"
    "            v = T.axis.spatial(8, i)\n"
    "            B[v] = A[v] + T.float32(1)\n";

KernelExport Small(const std::string& format) {
  KernelExport wanted;
  wanted.module = kSmall;
  wanted.target = "llvm";
  wanted.name = "add-one";
  wanted.format = format;
  return wanted;
}

TEST(KernelExportTest, TwoObjectsLinkIntoOneCProgram) {
  const std::string folder = ::testing::TempDir();
  for (const char* name : {"matmul", "softmax"}) {
    std::ofstream(folder + "/" + name + ".o", std::ios::binary) << Exported(Example(name, "object"));
    std::ofstream(folder + "/" + name + ".h") << Exported(Example(name, "header"));
  }
  const std::string command = "cc -O1 -std=c11 -Wall -Werror -I" + folder + " examples/call_kernels.c " + folder +
                              "/matmul.o " + folder + "/softmax.o -lgomp -lm -o " + folder + "/call_kernels";
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  EXPECT_EQ(std::system((folder + "/call_kernels").c_str()), 0);
}

TEST(KernelExportTest, SharedLibraryHasTheSymbolThatWasAskedFor) {
  KernelExport wanted = Small("shared");
  wanted.symbol = "plus_one";
  const std::string path = ::testing::TempDir() + "/plus_one.so";
  std::ofstream(path, std::ios::binary) << Exported(wanted);
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(handle, nullptr) << dlerror();
  auto* kernel = reinterpret_cast<int32_t (*)(void**)>(dlsym(handle, "plus_one"));
  ASSERT_NE(kernel, nullptr);
  float a[8] = {1, 2, 3, 4, 5, 6, 7, 8}, b[8] = {};
  void* buffers[] = {a, b};
  EXPECT_EQ(kernel(buffers), 0);
  EXPECT_EQ(b[7], 9);
}

TEST(KernelExportTest, TextFormsShowTheKernelUnderItsSymbol) {
  EXPECT_NE(Exported(Small("llvm-ir")).find("define i32 @hone_add_one(ptr"), std::string::npos);
  EXPECT_NE(Exported(Small("asm")).find("hone_add_one:"), std::string::npos);
  EXPECT_NE(Exported(Small("tvmscript")).find("T.parallel(8)"), std::string::npos);
  const std::string header = Exported(Small("header"));
  EXPECT_NE(header.find("0: in  A float32[8]"), std::string::npos) << header;
  EXPECT_NE(header.find("1: out B float32[8]"), std::string::npos) << header;
  EXPECT_NE(header.find("add_one(const float* p0_A, float* p1_B)"), std::string::npos) << header;
}

TEST(KernelExportTest, SymbolsComeFromTheFunctionOrFromTheName) {
  EXPECT_EQ(SymbolOf("main", "conv 1"), "hone_conv_1");
  EXPECT_EQ(SymbolOf("", "x"), "hone_x");
  EXPECT_EQ(SymbolOf("fused_dense", "x"), "hone_fused_dense");
}

TEST(KernelExportTest, UnknownFormatAndTargetWithoutKernelAreRefused) {
  EXPECT_STATUS(ExportKernel(Small("exe")), absl::StatusCode::kInvalidArgument, "exe");
  for (const char* format : {"header", "shared", "llvm-ir", "asm"}) {
    KernelExport gpu = Small(format);
    gpu.target = "cuda -arch=sm_80";
    EXPECT_STATUS(ExportKernel(gpu), absl::StatusCode::kUnimplemented, "no C function");
  }
  EXPECT_STATUS(ExportKernel(Small("cuda")), absl::StatusCode::kUnimplemented, "llvm");
}

KernelExport OnGpu(const std::string& format) {
  KernelExport wanted = Small(format);
  wanted.target = "cuda -arch=sm_80";
  wanted.module =
      "@T.prim_func\n"
      "def main(A: T.Buffer((64,), \"float32\"), B: T.Buffer((64,), \"float32\")):\n"
      "    for i in T.thread_binding(2, thread=\"blockIdx.x\"):\n"
      "        for j in T.thread_binding(32, thread=\"threadIdx.x\"):\n"
      "            with T.block(\"B\"):\n"
      "                v = T.axis.spatial(64, i * 32 + j)\n"
      "                B[v] = A[v] + T.float32(1)\n";
  wanted.notes = {"record 0123"};
  return wanted;
}

TEST(KernelExportTest, TheObjectOfAGpuIsItsCubin) {
  const absl::StatusOr<std::string> cubin = ExportKernel(OnGpu("object"));
  if (!cubin.ok()) {  // Without NVRTC.
    EXPECT_EQ(cubin.status().code(), absl::StatusCode::kUnavailable) << cubin.status();
    return;
  }
  EXPECT_EQ(cubin->substr(0, 4),
            "\x7f"
            "ELF");
}

TEST(KernelExportTest, KernelsOfGpusAreSourceWithTheirLaunches) {
  const KernelExport wanted = OnGpu("cuda");
  const std::string text = Exported(wanted);
  for (const char* part :
       {"// add-one, for sm_80", "// record 0123",
        "// launch main_kernel(A, B) with grid {2, 1, 1}, block {32, 1, 1}, 0 bytes of dynamic shared memory",
        "extern \"C\" __global__"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
}

}  // namespace
}  // namespace hone::cli
