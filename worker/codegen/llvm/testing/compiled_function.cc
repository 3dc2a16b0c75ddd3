#include "worker/codegen/llvm/testing/compiled_function.h"

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>

#include "common/interp/interpreter.h"
#include "common/lower/lower.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "worker/runner/elf_loader.h"

namespace hone::codegen {

namespace {

constexpr size_t kMargin = 4096;
constexpr unsigned char kCanary = 0xa5;

void* Resolve(const char* name) {
  static void* gomp = dlopen("libgomp.so.1", RTLD_NOW | RTLD_GLOBAL);
  static void* libm = dlopen("libm.so.6", RTLD_NOW | RTLD_GLOBAL);
  for (void* library : {static_cast<void*>(RTLD_DEFAULT), gomp, libm}) {
    if (void* symbol = dlsym(library, name)) return symbol;
  }
  return nullptr;
}

}  // namespace

absl::StatusOr<CompiledFunction> CompiledFunction::Make(const ir::IRModule& module, const Target& target,
                                                        const CompileOptions& options) {
  HONE_ASSIGN_OR_RETURN(const ir::IRModule lowered, lower::Lower(module, target));
  HONE_ASSIGN_OR_RETURN(const CompiledKernel kernel, CompileCpu(lowered, target, options));
  runner::LoadedObject loaded;
  const std::string problem = runner::LoadElfObject(kernel.object, kernel.entry, Resolve, &loaded);
  if (!problem.empty()) return absl::InternalError(problem);
  CompiledFunction out;
  out.entry_ = reinterpret_cast<int32_t (*)(void**)>(loaded.entry);
  return out;
}

absl::Status CompiledFunction::Run(absl::Span<interp::Tensor> args) const {
  struct Guarded {
    std::unique_ptr<unsigned char, decltype(&std::free)> memory{nullptr, &std::free};
    size_t bytes;
  };
  std::vector<Guarded> guarded;
  std::vector<void*> pointers;
  for (interp::Tensor& tensor : args) {
    const size_t bytes = tensor.bytes.size();
    const size_t whole = (2 * kMargin + bytes + 63) / 64 * 64;
    Guarded g;
    g.memory.reset(static_cast<unsigned char*>(std::aligned_alloc(64, whole)));
    g.bytes = bytes;
    std::memset(g.memory.get(), kCanary, whole);
    std::memcpy(g.memory.get() + kMargin, tensor.bytes.data(), bytes);
    pointers.push_back(g.memory.get() + kMargin);
    guarded.push_back(std::move(g));
  }
  if (const int32_t code = entry_(pointers.data()); code != 0) {
    return absl::FailedPreconditionError(StrCat("the kernel returned ", code));
  }
  for (size_t i = 0; i < guarded.size(); ++i) {
    const unsigned char* memory = guarded[i].memory.get();
    for (size_t at = 0; at < kMargin; ++at) {
      if (memory[at] != kCanary || memory[kMargin + guarded[i].bytes + at] != kCanary) {
        return absl::FailedPreconditionError(StrCat("parameter ", i, ": the kernel wrote outside of it"));
      }
    }
    std::memcpy(args[i].bytes.data(), memory + kMargin, guarded[i].bytes);
  }
  return absl::OkStatus();
}

absl::Status ExpectCompiledAgrees(const ir::IRModule& module, const Target& target, uint64_t seed,
                                  int64_t reduction_length) {
  HONE_ASSIGN_OR_RETURN(const CompiledFunction function, CompiledFunction::Make(module, target));
  HONE_ASSIGN_OR_RETURN(std::vector<interp::Tensor> got, interp::RandomArgs(module, seed));
  std::vector<interp::Tensor> expected = got;
  HONE_RETURN_IF_ERROR(function.Run(absl::MakeSpan(got)));
  HONE_RETURN_IF_ERROR(interp::Interpret(module, absl::MakeSpan(expected)));
  for (size_t i = 0; i < got.size(); ++i) {
    const double tolerance = interp::Tolerance(got[i].dtype, reduction_length);
    const interp::Difference difference = interp::Compare(got[i], expected[i], tolerance, tolerance);
    if (!difference.close) {
      return absl::FailedPreconditionError(StrCat("parameter ", i, ", element ", difference.worst,
                                                  ": the kernel gives ", difference.got, ", the interpreter ",
                                                  difference.expected, " (seed ", seed, ")"));
    }
  }
  return absl::OkStatus();
}

}  // namespace hone::codegen
