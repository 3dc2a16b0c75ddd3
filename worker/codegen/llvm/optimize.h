// What LLVM does to a module before instructions are selected. Internal to the code generator.
#pragma once

#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"
#include "worker/codegen/llvm/llvm_codegen.h"

namespace hone::codegen {

void Optimize(llvm::Module& module, llvm::TargetMachine& machine, OptLevel level);

}  // namespace hone::codegen
