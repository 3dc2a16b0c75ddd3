// Functions and modules.
#pragma once

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "common/ir/arena.h"
#include "common/ir/stmt.h"

namespace hone::ir {

// A handle parameter that stands for a buffer.
struct BufferBinding {
  Var param;
  Buffer buffer;
};

struct PrimFuncNode : Object {
  static constexpr ObjectKind kObjectKind = ObjectKind::kPrimFunc;
  Array<Var> params;
  Array<BufferBinding> buffer_map;  // In the order of the parameters; scalar parameters have none.
  const TypeNode* ret_type;         // VoidType() by default.
  Stmt body;
  Attrs attrs;

  // Null when `param` is no buffer parameter.
  Buffer BufferOf(Var param) const;
};
using PrimFunc = const PrimFuncNode*;

// A function beside the tensor programs, known by name only.
struct ExternFuncNode : Object {
  static constexpr ObjectKind kObjectKind = ObjectKind::kExternFunc;
  std::string_view global_symbol;
};

PrimFunc MakePrimFunc(Array<Var> params, Array<BufferBinding> buffer_map, Stmt body, Attrs attrs,
                      const TypeNode* ret_type = nullptr);

struct ModuleEntry {
  const GlobalVarNode* var;
  const Object* function;  // PrimFuncNode or ExternFuncNode.
};

struct IRModuleNode : Object {
  static constexpr ObjectKind kObjectKind = ObjectKind::kModule;
  Array<ModuleEntry> functions;  // Sorted by name.
  Attrs attrs;
  Attrs global_infos;
};

// A module together with the arena that its nodes live in. A value: copies share both. Safe to read from several
// threads. Null until assigned.
class IRModule {
 public:
  IRModule() = default;
  // `node` lives in `arena` or in one that it keeps alive.
  IRModule(std::shared_ptr<const Arena> arena, const IRModuleNode* node) : arena_(std::move(arena)), node_(node) {}

  const IRModuleNode* get() const { return node_; }
  const IRModuleNode* operator->() const { return node_; }
  explicit operator bool() const { return node_ != nullptr; }
  const std::shared_ptr<const Arena>& arena() const { return arena_; }

  // Null when there is none of that name, or it is no PrimFunc.
  PrimFunc FindPrimFunc(std::string_view name) const;
  const GlobalVarNode* FindGlobalVar(std::string_view name) const;
  // The entry function: the first with tir.is_entry_func, else `main`, else the only PrimFunc, else null.
  const ModuleEntry* Entry() const;

 private:
  std::shared_ptr<const Arena> arena_;
  const IRModuleNode* node_ = nullptr;
};

// Sorts by name. Nodes of the entries live in the current arena or in ones it keeps alive.
const IRModuleNode* MakeModuleNode(std::vector<ModuleEntry> functions, Attrs attrs = {}, Attrs global_infos = {});
// A module of one function, as a new node in `arena`.
IRModule ModuleOf(const ArenaRef& arena, PrimFunc function, std::string_view name = "main");
// `node` with the function called `name` replaced; a new node in the current arena.
const IRModuleNode* WithFunction(const IRModuleNode* node, std::string_view name, PrimFunc function);

}  // namespace hone::ir
