// From a lowered module to a relocatable x86 object. The only door to LLVM.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/ir/module.h"
#include "common/target/target.h"

namespace hone::codegen {

// How LLVM treats what the emitter made.
enum class OptLevel {
  kFast,   // The short pipeline: for candidates and for export.
  kStock,  // LLVM's own -O3, to compare with.
};

struct CompileOptions {
  std::string entry;  // Symbol; empty = "hone_" + the function's global_symbol.
  OptLevel opt = OptLevel::kFast;
  bool object = true;
  bool llvm_ir = false;  // Text after optimisation.
  bool assembly = false;
};

struct CompiledKernel {
  std::string object;  // ELF, position independent; undefined symbols of libc, libm and libgomp only.
  std::string entry;   // int32_t entry(void** buffers); 0 on success.
  std::string llvm_ir;
  std::string assembly;
};

// `lowered` is what lower::Lower gave for the same target (kind llvm). InvalidArgument for a CPU that LLVM does not
// know; Unimplemented for an operation without code, naming it; ResourceExhausted for a program that is too large.
// Thread-safe.
absl::StatusOr<CompiledKernel> CompileCpu(const ir::IRModule& lowered, const Target& target,
                                          const CompileOptions& options = {});

// Whether this program carries LLVM: without it CompileCpu is Unavailable.
bool HasLlvm();

// Variables in the shapes of the function's buffers that are no parameters themselves, in the order of appearance.
std::vector<ir::Var> ShapeVarsOf(ir::PrimFunc func);

// Part of the key under which artifacts are cached: changes with every change of the code that is generated.
std::string CodegenRevision();

}  // namespace hone::codegen
