#include "common/ir/module.h"

#include <algorithm>

#include "common/ir/new_object.h"

namespace hone::ir {

Buffer PrimFuncNode::BufferOf(Var param) const {
  for (const BufferBinding& binding : buffer_map) {
    if (binding.param == param) return binding.buffer;
  }
  return {};
}

PrimFunc MakePrimFunc(Array<Var> params, Array<BufferBinding> buffer_map, Stmt body, Attrs attrs,
                      const TypeNode* ret_type) {
  auto* node = NewObject<PrimFuncNode>();
  node->params = params;
  node->buffer_map = buffer_map;
  node->ret_type = ret_type != nullptr ? ret_type : VoidType();
  node->body = body;
  node->attrs = attrs;
  return node;
}

PrimFunc IRModule::FindPrimFunc(std::string_view name) const {
  for (const ModuleEntry& entry : node_->functions) {
    if (entry.var->name == name) return As<PrimFuncNode>(entry.function);
  }
  return nullptr;
}

const GlobalVarNode* IRModule::FindGlobalVar(std::string_view name) const {
  for (const ModuleEntry& entry : node_->functions) {
    if (entry.var->name == name) return entry.var;
  }
  return nullptr;
}

const ModuleEntry* IRModule::Entry() const {
  const ModuleEntry* main = nullptr;
  const ModuleEntry* only = nullptr;
  int count = 0;
  for (const ModuleEntry& entry : node_->functions) {
    const auto* func = As<PrimFuncNode>(entry.function);
    if (func == nullptr) continue;
    if (func->attrs.GetInt("tir.is_entry_func", 0) != 0) return &entry;
    if (entry.var->name == "main") main = &entry;
    only = &entry;
    ++count;
  }
  if (main != nullptr) return main;
  return count == 1 ? only : nullptr;
}

const IRModuleNode* MakeModuleNode(std::vector<ModuleEntry> functions, Attrs attrs, Attrs global_infos) {
  std::sort(functions.begin(), functions.end(),
            [](const ModuleEntry& a, const ModuleEntry& b) { return a.var->name < b.var->name; });
  auto* node = NewObject<IRModuleNode>();
  node->functions = MakeArray(functions);
  node->attrs = attrs;
  node->global_infos = global_infos;
  return node;
}

IRModule ModuleOf(const ArenaRef& arena, PrimFunc function, std::string_view name) {
  ArenaScope scope(arena);
  return IRModule(arena, MakeModuleNode({ModuleEntry{MakeGlobalVar(name), function}}));
}

const IRModuleNode* WithFunction(const IRModuleNode* module, std::string_view name, PrimFunc function) {
  std::vector<ModuleEntry> functions = module->functions.ToVector();
  for (ModuleEntry& entry : functions) {
    if (entry.var->name == name) entry.function = function;
  }
  auto* node = CopyNode(module);
  node->functions = MakeArray(functions);
  return node;
}

}  // namespace hone::ir
