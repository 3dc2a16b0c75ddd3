#include "worker/codegen/llvm/llvm_codegen.h"

#include <memory>

#include "common/ir/visitor.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Transforms/Utils/Cloning.h"
#include "worker/codegen/llvm/function_emitter.h"
#include "worker/codegen/llvm/machine.h"
#include "worker/codegen/llvm/optimize.h"

namespace hone::codegen {

namespace {

// Data pointers that the function defines: parameters and allocations.
std::vector<ir::Var> DataPointers(ir::PrimFunc func) {
  std::vector<ir::Var> out;
  for (const auto& binding : func->buffer_map) out.push_back(binding.buffer->data);
  ir::PreOrderVisitStmts(func->body, [&](ir::Stmt stmt) {
    if (const auto* allocate = stmt.as<ir::AllocateNode>()) out.push_back(allocate->buffer_var);
    if (const auto* constant = stmt.as<ir::AllocateConstNode>()) out.push_back(constant->buffer_var);
    return true;
  });
  return out;
}

absl::StatusOr<std::string> EmitFile(llvm::Module& module, llvm::TargetMachine& machine, llvm::CodeGenFileType type) {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, stream, nullptr, type, /*DisableVerify=*/true)) {
    return absl::InternalError("LLVM cannot write this kind of file for the target");
  }
  passes.run(module);
  return std::string(bytes.data(), bytes.size());
}

void SetFunctionAttributes(llvm::Function* function, const llvm::TargetMachine& machine, const CpuTraits& cpu) {
  function->addFnAttr(llvm::Attribute::NoUnwind);
  function->addFnAttr("target-cpu", machine.getTargetCPU());
  function->addFnAttr("target-features", machine.getTargetFeatureString());
  // Without it LLVM prefers 256-bit vectors on some CPUs and would cut what the lowering made.
  function->addFnAttr("prefer-vector-width", std::to_string(cpu.vector_bits));
  function->addFnAttr("min-legal-vector-width", std::to_string(cpu.vector_bits));
}

}  // namespace

absl::StatusOr<CompiledKernel> CompileCpu(const ir::IRModule& lowered, const Target& target,
                                          const CompileOptions& options) {
  const ir::ModuleEntry* entry = lowered.Entry();
  const auto* func = entry != nullptr ? ir::As<ir::PrimFuncNode>(entry->function) : nullptr;
  if (func == nullptr) return absl::InvalidArgumentError("the module has no entry function");
  HONE_ASSIGN_OR_RETURN(llvm::TargetMachine * machine, MachineFor(target));

  // The emitter builds index expressions of its own while it works.
  ir::Arena scratch;
  const ir::ArenaScope scope(scratch);
  llvm::LLVMContext context;
  const std::string_view symbol = func->attrs.GetString("global_symbol", entry->var->name);
  llvm::Module module(llvm::StringRef(symbol.data(), symbol.size()), context);
  module.setTargetTriple(machine->getTargetTriple());
  module.setDataLayout(machine->createDataLayout());
  module.setPICLevel(llvm::PICLevel::BigPIC);
  ModuleState state(context, module, TraitsOf(target));
  state.entry = options.entry.empty() ? StrCat("hone_", symbol) : options.entry;
  if (func->attrs.GetInt("tir.noalias", 1) != 0) state.DefineAliasScopes(DataPointers(func));
  llvm::Type* pointer = llvm::PointerType::get(context, 0);
  auto* function = llvm::Function::Create(llvm::FunctionType::get(llvm::Type::getInt32Ty(context), {pointer}, false),
                                          llvm::GlobalValue::ExternalLinkage, state.entry, module);
  SetFunctionAttributes(function, *machine, state.cpu);
  FunctionEmitter(state, function).EmitKernel(func);
  if (!state.status.ok()) return state.status;
  std::string problem;
  llvm::raw_string_ostream stream(problem);
  if (llvm::verifyModule(module, &stream))
    return absl::InternalError(StrCat("the code generator made bad LLVM IR: ", problem));

  Optimize(module, *machine, options.opt);
  CompiledKernel kernel;
  kernel.entry = state.entry;
  if (options.llvm_ir) {
    llvm::raw_string_ostream text(kernel.llvm_ir);
    module.print(text, nullptr);
  }
  if (options.assembly) {
    // Selecting instructions changes the module.
    const std::unique_ptr<llvm::Module> copy = llvm::CloneModule(module);
    HONE_ASSIGN_OR_RETURN(kernel.assembly, EmitFile(*copy, *machine, llvm::CodeGenFileType::AssemblyFile));
  }
  if (options.object) {
    HONE_ASSIGN_OR_RETURN(kernel.object, EmitFile(module, *machine, llvm::CodeGenFileType::ObjectFile));
  }
  return kernel;
}

bool HasLlvm() { return true; }

std::string CodegenRevision() { return "8"; }

}  // namespace hone::codegen
