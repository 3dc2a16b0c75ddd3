#include "worker/codegen/llvm/machine.h"

#include <map>
#include <memory>
#include <mutex>

#include "common/support/strings.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/TargetParser/Host.h"

namespace hone::codegen {

namespace {

// Schedulers before and after register allocation look at pairs of memory accesses: unrolled kernels of a thousand
// stores took most of a second. The machine reorders by itself; what is left of scheduling looks at short regions.
void LimitScheduling() {
  const auto& options = llvm::cl::getRegisteredOptions();
  const auto set = [&](const char* name, const char* value) {
    if (auto it = options.find(name); it != options.end()) it->second->addOccurrence(0, name, value);
  };
  set("disable-post-ra", "true");
  set("dag-maps-huge-region", "100");
}

void InitializeOnce() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LimitScheduling();
  });
}

}  // namespace

absl::StatusOr<llvm::TargetMachine*> MachineFor(const Target& target) {
  InitializeOnce();
  const std::string triple = target.GetString("mtriple").value_or("x86_64-unknown-linux-gnu");
  const std::string cpu = target.GetString("mcpu").value_or("x86-64");
  std::string features;
  for (const std::string& feature : target.GetStrings("mattr")) {
    if (!features.empty()) features += ',';
    features += feature[0] == '+' || feature[0] == '-' ? feature : "+" + feature;
  }
  thread_local std::map<std::string, std::unique_ptr<llvm::TargetMachine>> machines;
  std::unique_ptr<llvm::TargetMachine>& machine = machines[StrCat(triple, "/", cpu, "/", features)];
  if (machine != nullptr) return machine.get();
  std::string error;
  const llvm::Triple parsed(triple);
  const llvm::Target* found = llvm::TargetRegistry::lookupTarget(parsed, error);
  if (found == nullptr) return absl::InvalidArgumentError(StrCat("no code generator for \"", triple, "\": ", error));
  std::unique_ptr<llvm::MCSubtargetInfo> subtarget(found->createMCSubtargetInfo(parsed, "", ""));
  if (subtarget != nullptr && !subtarget->isCPUStringValid(cpu)) {
    return absl::InvalidArgumentError(StrCat("LLVM knows no CPU \"", cpu, "\""));
  }
  llvm::TargetOptions options;
  options.MCOptions.AsmVerbose = true;  // Says where loops and spills are.
  options.AllowFPOpFusion = llvm::FPOpFusion::Standard;
  machine.reset(found->createTargetMachine(parsed, cpu, features, options, llvm::Reloc::PIC_, llvm::CodeModel::Small,
                                           llvm::CodeGenOptLevel::Default));
  return machine.get();
}

CpuTraits TraitsOf(const Target& target) {
  CpuTraits traits;
  traits.vector_bits = target.VectorBits();
  traits.avx512 = target.HasFeature("avx512f");
  traits.avx512_bf16 = target.HasFeature("avx512bf16");
  return traits;
}

}  // namespace hone::codegen
