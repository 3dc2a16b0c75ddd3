#include "common/lower/lower.h"

#include <algorithm>

#include "common/lower/pipeline.h"
#include "common/support/strings.h"
#include "common/target/rule_kind.h"

namespace hone::lower {

MachineTraits TraitsOf(const Target& target) {
  MachineTraits traits;
  traits.kind = target.kind();
  traits.vector_bits = std::max(64, target.VectorBits());
  const bool avx512 = target.HasFeature("avx512f");
  traits.vector_registers = avx512 ? 32 : 16;
  traits.masked_vectors = avx512;
  if (traits.kind == "cuda") traits.sm = SmVersion(target);
  return traits;
}

absl::StatusOr<ir::IRModule> LowerFor(const ir::IRModule& module, const MachineTraits& machine, PassObserver observer) {
  const ir::ModuleEntry* entry = module.Entry();
  if (entry == nullptr) return absl::InvalidArgumentError("the module has no entry function");
  const auto* func = ir::As<ir::PrimFuncNode>(entry->function);
  if (func == nullptr) return absl::InvalidArgumentError("the entry is no tensor program");
  auto arena = std::make_shared<ir::Arena>();
  arena->KeepAlive(module.arena());
  const ir::ArenaScope scope(arena);
  PassContext context{machine};
  for (const Pass& pass : PipelineOf(machine.kind)) {
    absl::StatusOr<ir::PrimFunc> next = pass.run(func, context);
    if (!next.ok()) {
      return absl::Status(next.status().code(), StrCat(pass.name, ": ", ToStd(next.status().message())));
    }
    func = *next;
    observer(pass.name, func);
  }
  return ir::IRModule(arena, ir::MakeModuleNode({{entry->var, func}}));
}

absl::StatusOr<ir::IRModule> Lower(const ir::IRModule& module, const Target& target, PassObserver observer) {
  return LowerFor(module, TraitsOf(target), observer);
}

absl::StatusOr<ir::IRModule> Lower(const ir::IRModule& module, const Target& target) {
  return Lower(module, target, [](std::string_view, ir::PrimFunc) {});
}

std::vector<std::string_view> PassNames(const Target& target) {
  std::vector<std::string_view> names;
  for (const Pass& pass : PipelineOf(target.kind())) {
    if (std::find(names.begin(), names.end(), pass.name) == names.end()) names.push_back(pass.name);
  }
  return names;
}

}  // namespace hone::lower
