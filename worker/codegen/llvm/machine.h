// LLVM's description of the CPU of a target. Internal to the code generator.
#pragma once

#include "absl/status/statusor.h"
#include "common/target/target.h"
#include "llvm/Target/TargetMachine.h"
#include "worker/codegen/llvm/module_state.h"

namespace hone::codegen {

// One a thread and CPU, kept for the next compilation. Not shared between threads.
absl::StatusOr<llvm::TargetMachine*> MachineFor(const Target& target);

CpuTraits TraitsOf(const Target& target);

}  // namespace hone::codegen
