// Compiles TVMScript programs for this machine and reports, for each: seconds to lower and to compile, GFLOP/s, and
// what the inner loop does with the stack.
#include <dlfcn.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "bench/huge_memory.h"
#include "bench/matmul_kernels.h"
#include "bench/run_main.h"
#include "common/lower/lower.h"
#include "common/script/parser.h"
#include "common/script/printer.h"
#include "common/target/host.h"
#include "worker/codegen/llvm/llvm_codegen.h"
#include "worker/codegen/llvm/spills.h"
#include "worker/runner/elf_loader.h"

namespace hone::bench {
namespace {

double Now() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);  // CPU time: the machine may be busy.
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

void* Resolve(const char* name) {
  static void* gomp = dlopen("libgomp.so.1", RTLD_NOW | RTLD_GLOBAL);
  static void* libm = dlopen("libm.so.6", RTLD_NOW | RTLD_GLOBAL);
  for (void* library : {static_cast<void*>(RTLD_DEFAULT), gomp, libm}) {
    if (void* symbol = dlsym(library, name)) return symbol;
  }
  return nullptr;
}

struct Flags {
  bool assembly = false, llvm_ir = false, tir = false, stock = false;
};

int Run(const std::string& label, const std::string& text, double flops, const Flags& flags) {
  const Target target = DetectHost();
  auto module = script::ParseModule(text);
  if (!module.ok()) return std::fprintf(stderr, "%s\n", module.status().ToString().c_str()), 1;
  // The first compilation of a process sets LLVM up.
  codegen::CompileOptions options;
  options.opt = flags.stock ? codegen::OptLevel::kStock : codegen::OptLevel::kFast;
  absl::StatusOr<ir::IRModule> lowered = lower::Lower(*module, target);
  if (!lowered.ok()) return std::fprintf(stderr, "%s\n", lowered.status().ToString().c_str()), 1;
  absl::StatusOr<codegen::CompiledKernel> kernel = codegen::CompileCpu(*lowered, target, options);
  if (!kernel.ok()) return std::fprintf(stderr, "%s\n", kernel.status().ToString().c_str()), 1;
  const double t0 = Now();
  lowered = lower::Lower(*module, target);
  const double t1 = Now();
  kernel = codegen::CompileCpu(*lowered, target, options);
  const double t2 = Now();
  if (flags.tir) std::printf("%s\n", script::PrintModule(*lowered).c_str());
  codegen::CompileOptions text_only = options;
  text_only.object = false;
  text_only.assembly = true;
  const auto assembly = codegen::CompileCpu(*lowered, target, text_only);
  const codegen::InnerLoopSpills spills = codegen::CountInnerLoopSpills(assembly.ok() ? assembly->assembly : "");
  if (flags.assembly || flags.llvm_ir) {
    codegen::CompileOptions show = options;
    show.object = false;
    show.assembly = flags.assembly;
    show.llvm_ir = flags.llvm_ir;
    const auto shown = codegen::CompileCpu(*lowered, target, show);
    std::printf("%s%s\n", shown->llvm_ir.c_str(), shown->assembly.c_str());
  }
  runner::LoadedObject loaded;
  const std::string problem = runner::LoadElfObject(kernel->object, kernel->entry, Resolve, &loaded);
  if (!problem.empty()) return std::fprintf(stderr, "%s\n", problem.c_str()), 1;
  const auto entry = reinterpret_cast<int32_t (*)(void**)>(loaded.entry);
  const auto* func = module->FindPrimFunc(module->Entry()->var->name);
  std::vector<void*> buffers;
  std::vector<HugeVector<float>> storage;
  for (const auto& binding : func->buffer_map) {
    int64_t elements = 1;
    for (ir::Expr extent : binding.buffer->shape) elements *= *ir::ConstInt(extent);
    const int64_t bytes = (elements * binding.buffer->dtype.bytes() + 63) / 64 * 64;
    HugeVector<float>& data = storage.emplace_back(static_cast<size_t>(bytes / 4));
    for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<float>(std::rand()) / static_cast<float>(RAND_MAX);
    buffers.push_back(data.data());
  }
  entry(buffers.data());
  std::vector<double> times;
  const double end = Now() + 1.0;
  while (Now() < end || times.size() < 5) {
    const double a = Now();
    entry(buffers.data());
    times.push_back(Now() - a);
  }
  std::sort(times.begin(), times.end());
  const double median = times[times.size() / 2];
  std::printf("%-40s lower %6.2f ms  compile %7.2f ms  object %6zu B  run %9.3f us (min %9.3f)", label.c_str(),
              (t1 - t0) * 1e3, (t2 - t1) * 1e3, kernel->object.size(), median * 1e6, times[0] * 1e6);
  if (flops > 0) std::printf("  %7.2f GFLOP/s", flops / median * 1e-9);
  if (spills.spills + spills.reloads > 0) {
    std::printf("  inner loops: %d spills, %d reloads", spills.spills, spills.reloads);
  }
  std::printf("\n");
  return 0;
}

}  // namespace
}  // namespace hone::bench

namespace {

int Main(int argc, char** argv) {
  using namespace hone::bench;
  Flags flags;
  std::vector<std::string> files;
  std::vector<int64_t> matmul;
  CLI::App app("Compiles TVMScript programs for this machine and times them.", "kernel_lab");
  app.add_option("FILE", files, "Programs of one function each");
  app.add_option("--matmul", matmul, "A packed matmul: M,N,K,MR,NR,KC,NC,MC,PACK_A,PARALLEL")
      ->delimiter(',')
      ->expected(10);
  app.add_flag("--asm", flags.assembly, "Print the assembly");
  app.add_flag("--ir", flags.llvm_ir, "Print the LLVM IR");
  app.add_flag("--tir", flags.tir, "Print the lowered program");
  app.add_flag("--stock", flags.stock, "LLVM's own -O3");
  CLI11_PARSE(app, argc, argv);
  if (!matmul.empty()) {
    PackedMatmul shape;
    int64_t* fields[] = {&shape.m, &shape.n, &shape.k, &shape.mr, &shape.nr, &shape.kc, &shape.nc, &shape.mc};
    std::string label = "matmul";
    for (size_t i = 0; i < std::size(fields); ++i) {
      *fields[i] = matmul[i];
      label += " " + std::to_string(matmul[i]);
    }
    shape.pack_a = matmul[8] != 0;
    shape.parallel = matmul[9] != 0;
    if (int code = Run(label, PackedMatmulScript(shape), 2.0 * shape.m * shape.n * shape.k, flags)) return code;
  }
  for (const std::string& file : files) {
    std::ifstream in(file);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    double flops = 0;
    if (const char* at = std::strstr(text.c_str(), "# flops: ")) flops = std::atof(at + 9);
    if (int code = Run(file, text, flops, flags)) return code;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return hone::bench::RunMain(Main, argc, argv); }
