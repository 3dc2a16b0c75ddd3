// What all functions of one compiled module share. Internal to the code generator.
#pragma once

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "common/ir/module.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"

namespace hone::codegen {

// What the emitter needs to know of the CPU.
struct CpuTraits {
  int vector_bits = 128;
  bool avx512 = false;
  bool avx512_bf16 = false;
};

struct ModuleState {
  ModuleState(llvm::LLVMContext& context, llvm::Module& module, const CpuTraits& cpu)
      : context(context), module(module), cpu(cpu) {}

  llvm::LLVMContext& context;
  llvm::Module& module;
  CpuTraits cpu;
  std::string entry;  // Symbol of the function; prefix of the outlined ones.
  int outlined = 0;
  absl::Status status;  // The first error.

  void Fail(const std::string& message) {
    if (status.ok()) status = absl::UnimplementedError(message);
  }

  // Metadata saying that buffers do not overlap: one scope a data pointer, and for each the list of all others.
  struct Alias {
    llvm::MDNode* own;
    llvm::MDNode* others;
  };
  absl::flat_hash_map<const ir::VarNode*, Alias> alias;
  void DefineAliasScopes(const std::vector<ir::Var>& pointers);
};

// Storage type of a TIR type: bfloat16 is i16 and float8 is i8 in memory and registers; bool is i1 in registers and i8
// in memory (the lowering stores it as int8).
llvm::Type* LlvmType(llvm::LLVMContext& context, ir::DataType dtype);

}  // namespace hone::codegen
