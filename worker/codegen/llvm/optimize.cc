#include "worker/codegen/llvm/optimize.h"

#include "llvm/Analysis/CGSCCPassManager.h"
#include "llvm/Analysis/LoopAnalysisManager.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Transforms/InstCombine/InstCombine.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/GVN.h"
#include "llvm/Transforms/Scalar/IndVarSimplify.h"
#include "llvm/Transforms/Scalar/LICM.h"
#include "llvm/Transforms/Scalar/LoopPassManager.h"
#include "llvm/Transforms/Scalar/LoopUnrollPass.h"
#include "llvm/Transforms/Scalar/SROA.h"
#include "llvm/Transforms/Scalar/SimpleLoopUnswitch.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"

namespace hone::codegen {

namespace {

template <typename Pass>
void AddLoopPass(llvm::FunctionPassManager& function, Pass pass) {
  function.addPass(llvm::createFunctionToLoopPassAdaptor(std::move(pass), /*UseMemorySSA=*/true));
}

// The emitter has hoisted addresses, shared loads and laid loops out rotated already. What is left, in the order of
// what each made of the standard workloads beside stock -O3 (bench:codegen):
// cells go into registers; conditions that do not change in a loop leave it (T2D); loops of a few steps are unrolled
// and with them small arrays become registers (DEP, Winograd); repeated loads across branches go (SFM); the innermost
// loops are unrolled as far as the machine's loop buffer takes (C2D, TBG). Each of the last three was worth 2 to 10 %.
llvm::FunctionPassManager ShortPipeline() {
  constexpr int kLevel = 3;
  llvm::FunctionPassManager function;
  function.addPass(llvm::SROAPass(llvm::SROAOptions::PreserveCFG));
  function.addPass(llvm::EarlyCSEPass(/*UseMemorySSA=*/false));
  function.addPass(llvm::SimplifyCFGPass());
  function.addPass(llvm::InstCombinePass());
  AddLoopPass(function, llvm::LICMPass(llvm::LICMOptions()));
  AddLoopPass(function, llvm::SimpleLoopUnswitchPass(/*NonTrivial=*/true));
  llvm::LoopPassManager unroll;
  unroll.addPass(llvm::IndVarSimplifyPass());
  unroll.addPass(llvm::LoopFullUnrollPass(kLevel));
  function.addPass(llvm::createFunctionToLoopPassAdaptor(std::move(unroll)));
  function.addPass(llvm::SROAPass(llvm::SROAOptions::ModifyCFG));
  function.addPass(llvm::EarlyCSEPass(/*UseMemorySSA=*/true));
  function.addPass(llvm::SimplifyCFGPass());
  function.addPass(llvm::InstCombinePass());
  AddLoopPass(function, llvm::LICMPass(llvm::LICMOptions()));
  function.addPass(llvm::GVNPass());
  function.addPass(llvm::LoopUnrollPass(llvm::LoopUnrollOptions(kLevel)));
  function.addPass(llvm::InstCombinePass());
  AddLoopPass(function, llvm::LICMPass(llvm::LICMOptions()));
  return function;
}

}  // namespace

void Optimize(llvm::Module& module, llvm::TargetMachine& machine, OptLevel level) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager cgscc;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(cgscc);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, cgscc, modules);
  llvm::ModulePassManager passes;
  if (level == OptLevel::kStock) {
    passes = builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3);
  } else {
    passes.addPass(llvm::createModuleToFunctionPassAdaptor(ShortPipeline()));
  }
  passes.run(module, modules);
}

}  // namespace hone::codegen
