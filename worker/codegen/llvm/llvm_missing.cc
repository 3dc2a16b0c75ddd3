// Stands in for the LLVM code generator in workers that were built without it.
#include "worker/codegen/llvm/llvm_codegen.h"

namespace hone::codegen {

absl::StatusOr<CompiledKernel> CompileCpu(const ir::IRModule&, const Target& target, const CompileOptions&) {
  return absl::UnavailableError("this program was built without LLVM: it cannot compile for " + target.kind());
}

bool HasLlvm() { return false; }

std::string CodegenRevision() { return "none"; }

}  // namespace hone::codegen
