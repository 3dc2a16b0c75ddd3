// Modules, functions and their parameters.
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/script/builder.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::script {
namespace {

using ir::Expr;
using ir::Stmt;

bool ContainsRealize(Stmt stmt) {
  bool found = false;
  ir::PreOrderVisitStmts(stmt, [&](Stmt s) {
    found = found || s.kind() == ir::StmtKind::kBlockRealize;
    return !found;
  });
  return found;
}

// Decorators that mean something, by their last name.
bool Means(std::string_view name) {
  return name == "prim_func" || name == "macro" || name == "ir_module" || name == "inline";
}

}  // namespace

void Builder::AddPrefix(std::string_view alias, std::string_view dialect) {
  if (dialect == "tir") Define(alias, Value::Of(Namespace::kTir));
  if (dialect == "ir") Define(alias, Value::Of(Namespace::kIr));
  if (dialect == "tvm" || dialect == "script") Define(alias, Value::Of(Namespace::kPackage));
  if (dialect == "ir_module") Define(alias, Value::Function(Namespace::kIr, "ir_module"));
  if (dialect == "prim_func") Define(alias, Value::Function(Namespace::kTir, "prim_func"));
}

absl::StatusOr<const ir::IRModuleNode*> Builder::Build(Suite file) {
  for (const char* name : {"T", "tir"}) AddPrefix(name, "tir");
  for (const char* name : {"I", "ir"}) AddPrefix(name, "ir");
  AddPrefix("tvm", "tvm");
  for (const Statement* s : file) HONE_RETURN_IF_ERROR(TopLevel(s));
  if (!has_module_ && functions_.empty()) {
    return Error({1, 1}, "expected a class with @I.ir_module or a function with @T.prim_func");
  }
  return ir::MakeModuleNode(functions_, module_attrs_, global_infos_);
}

Builder::Or<std::string_view> Builder::Decorator(const Statement* s, bool* is_private, bool* check) {
  for (const Node* decorator : s->decorators) {
    const Node* name = decorator->kind == NodeKind::kCall ? decorator->items[0] : decorator;
    if (name->kind != NodeKind::kAttribute && name->kind != NodeKind::kName) continue;
    std::string_view word = name->text;
    if (name->kind == NodeKind::kName) {
      const Value* value = Find(word);
      if (value == nullptr || value->kind != ValueKind::kFunction) continue;
      word = value->text;
    } else {
      HONE_ASSIGN_OR_RETURN(const Value value, Eval(name));
      if (value.kind != ValueKind::kFunction) continue;
    }
    if (!Means(word)) continue;
    if (decorator->kind == NodeKind::kCall) {
      for (const Keyword& keyword : decorator->keywords) {
        HONE_ASSIGN_OR_RETURN(const Value value, Eval(keyword.value));
        HONE_ASSIGN_OR_RETURN(const bool flag, ToBool(value, keyword.at, keyword.name));
        if (keyword.name == "private") *is_private = flag;
        if (keyword.name == "check_well_formed") *check = flag;
      }
    }
    return word;
  }
  return std::string_view();
}

absl::Status Builder::TopLevel(const Statement* s) {
  switch (s->kind) {
    case SuiteKind::kImport:
      return Import(s);
    case SuiteKind::kClass: {
      bool is_private = false;
      bool check = true;
      const auto kind = Decorator(s, &is_private, &check);
      if (!kind.ok() || *kind != "ir_module") {
        if (s->decorators.empty()) return absl::OkStatus();  // Some class of a Python file.
        return kind.ok() ? Error(s->at, "expected the decorator @I.ir_module") : kind.status();
      }
      return Module(s);
    }
    case SuiteKind::kFunction: {
      bool is_private = false;
      bool check = true;
      const auto kind = Decorator(s, &is_private, &check);
      if (kind.ok() && *kind == "prim_func") {
        if (has_module_) return Error(s->at, "a function stands beside the module");
        HONE_RETURN_IF_ERROR(DeclareFunction(s));
        return Function(s);
      }
      if (kind.ok() && *kind == "macro") {
        Value macro;
        macro.kind = ValueKind::kMacro;
        macro.pointer = s;
        Define(s->text, macro);
        return absl::OkStatus();
      }
      if (s->decorators.empty()) return absl::OkStatus();  // Some function of a Python file.
      return kind.ok() ? Error(s->at, "expected the decorator @T.prim_func") : kind.status();
    }
    case SuiteKind::kAssign: {
      // A constant that functions capture. What is not understood stays unknown, and is reported where it is used.
      if (s->targets.size() != 1 || s->targets[0]->kind != NodeKind::kName) return absl::OkStatus();
      const auto value = Eval(s->value);
      if (value.ok()) Define(s->targets[0]->text, *value);
      return absl::OkStatus();
    }
    default:
      return absl::OkStatus();
  }
}

absl::Status Builder::Import(const Statement* s) {
  for (const ImportedName& item : s->imports) {
    const std::string_view last =
        item.name.empty()
            ? item.module.substr(item.module.rfind('.') == std::string_view::npos ? 0 : item.module.rfind('.') + 1)
            : item.name;
    const bool ours = item.module.substr(0, 3) == "tvm";
    if (ours) AddPrefix(item.alias, item.alias == "tvm" && item.name.empty() ? "tvm" : last);
  }
  return absl::OkStatus();
}

absl::Status Builder::Module(const Statement* s) {
  if (has_module_) return Error(s->at, "a second module; one text holds one");
  if (!functions_.empty()) return Error(s->at, "a module stands beside a function");
  has_module_ = true;
  class_name_ = s->text;
  for (const Statement* member : s->body) {
    if (member->kind == SuiteKind::kFunction) HONE_RETURN_IF_ERROR(DeclareFunction(member));
  }
  Define(s->text, Value::Of(Namespace::kModule));
  Define("cls", Value::Of(Namespace::kModule));
  for (const Statement* member : s->body) HONE_RETURN_IF_ERROR(ModuleStatement(member));
  return absl::OkStatus();
}

absl::Status Builder::ModuleStatement(const Statement* s) {
  switch (s->kind) {
    case SuiteKind::kFunction: {
      bool is_private = false;
      bool check = true;
      HONE_ASSIGN_OR_RETURN(const std::string_view kind, Decorator(s, &is_private, &check));
      if (kind == "macro") {
        Value macro;
        macro.kind = ValueKind::kMacro;
        macro.pointer = s;
        Define(s->text, macro);
        return absl::OkStatus();
      }
      if (kind != "prim_func") return Error(s->at, "expected the decorator @T.prim_func");
      return Function(s);
    }
    case SuiteKind::kPass:
      return absl::OkStatus();
    case SuiteKind::kExpr: {
      HONE_ASSIGN_OR_RETURN(const Value value, Eval(s->value));
      if (value.is_none() || value.kind == ValueKind::kString) return absl::OkStatus();
      return Error(s->at, "a module holds functions and attributes only");
    }
    case SuiteKind::kAssign: {
      if (s->targets.size() != 1 || s->targets[0]->kind != NodeKind::kName) {
        return Error(s->at, "a module holds functions and attributes only");
      }
      HONE_ASSIGN_OR_RETURN(const Value value, Eval(s->value));
      const ir::ExternFuncNode* function =
          value.kind == ValueKind::kObject ? ir::As<ir::ExternFuncNode>(value.object()) : nullptr;
      if (function == nullptr) {
        Define(s->targets[0]->text, value);
        return absl::OkStatus();
      }
      const std::string_view name = s->targets[0]->text;
      if (declared_.contains(name)) return Error(s->at, StrCat("a second function called '", name, "'"));
      const ir::GlobalVarNode* var = ir::MakeGlobalVar(name);
      declared_[name] = {var, ir::DataType::Void()};
      functions_.push_back({var, function});
      return absl::OkStatus();
    }
    default:
      return Error(s->at, "a module holds functions and attributes only");
  }
}

absl::Status Builder::DeclareFunction(const Statement* s) {
  bool is_private = false;
  bool check = true;
  HONE_ASSIGN_OR_RETURN(const std::string_view kind, Decorator(s, &is_private, &check));
  if (kind != "prim_func") return absl::OkStatus();
  DeclaredFunction declared{ir::MakeGlobalVar(s->text), ir::DataType::Void()};
  if (s->annotation != nullptr && s->annotation->kind != NodeKind::kNone) {
    HONE_ASSIGN_OR_RETURN(const ir::TypeNode* type, TypeOf(s->annotation));
    declared.ret_dtype = type->kind == ir::TypeKind::kPointer ? ir::DataType::Handle() : type->dtype;
  }
  if (!declared_.try_emplace(s->text, declared).second) {
    return Error(s->at, StrCat("a second function called '", s->text, "'"));
  }
  Value global;
  global.kind = ValueKind::kGlobal;
  global.pointer = declared.var;
  if (class_name_.empty()) Define(s->text, global);
  return absl::OkStatus();
}

Builder::Or<const ir::TypeNode*> Builder::TypeOf(const Node* annotation) {
  HONE_ASSIGN_OR_RETURN(const Value value, Eval(annotation));
  switch (value.kind) {
    case ValueKind::kNone:
      return ir::VoidType();
    case ValueKind::kDtype: {
      HONE_ASSIGN_OR_RETURN(const ir::DataType dtype, ToDtype(value, annotation->at));
      return dtype.is_void() ? ir::VoidType() : ir::PrimType(dtype);
    }
    case ValueKind::kFunction:
      if (value.text == "handle") return ir::PrimType(ir::DataType::Handle());
      if (value.text == "Buffer") break;
      break;
    case ValueKind::kExpr:
      if (const auto* var = value.expr().as<ir::VarNode>()) return var->type;
      break;
    default:
      break;
  }
  return Error(annotation->at, StrCat("expected a type such as T.int32 or T.handle, found ", Describe(value)));
}

absl::Status Builder::Parameter(const Keyword& parameter, Frame* frame) {
  if (parameter.value == nullptr) {
    return Error(parameter.at, StrCat("the parameter '", parameter.name, "' needs a type"));
  }
  for (const ir::Var var : frame->params) {
    if (var.name() == parameter.name) return Error(parameter.at, StrCat("a second parameter '", parameter.name, "'"));
  }
  if (parameter.value->kind == NodeKind::kString) {
    return Error(parameter.value->at, "a string is no type: write T.int32, T.handle or T.Buffer(...)");
  }
  HONE_ASSIGN_OR_RETURN(const Value value, Eval(parameter.value));
  if (value.kind == ValueKind::kBuffer) {
    Rename(value, parameter.name);
    const ir::Var handle = ir::MakeVar(StrCat(parameter.name, "_handle"), ir::DataType::Handle());
    frame->params.push_back(handle);
    frame->buffer_map.push_back({handle, value.buffer()});
    Define(parameter.name, value);
    return absl::OkStatus();
  }
  HONE_ASSIGN_OR_RETURN(const ir::TypeNode* type, TypeOf(parameter.value));
  if (type->kind == ir::TypeKind::kTuple) return Error(parameter.at, "a parameter has a value: None is no type here");
  ir::Var var = ir::MakeVar(parameter.name, type);
  if (value.kind == ValueKind::kExpr && value.expr().as<ir::VarNode>()->is_size_var) {
    auto* size_var = ir::CopyNode(var.get());
    size_var->is_size_var = true;
    var = ir::Var(size_var);
  }
  frame->params.push_back(var);
  Define(parameter.name, Value::Of(Expr(var)));
  return absl::OkStatus();
}

absl::Status Builder::Function(const Statement* s) {
  bool is_private = false;
  bool check = true;
  HONE_RETURN_IF_ERROR(Decorator(s, &is_private, &check).status());
  const size_t mark = Mark();
  Frame* frame = NewFrame(FrameKind::kFunction, s->at);
  numbered_.clear();
  frame->is_private = is_private;
  frame->ret_type = ir::VoidType();
  frames_ = {frame};
  missing_.clear();
  for (const Keyword& parameter : s->parameters) HONE_RETURN_IF_ERROR(Parameter(parameter, frame));
  if (s->annotation != nullptr) {
    HONE_ASSIGN_OR_RETURN(frame->ret_type, TypeOf(s->annotation));
  }
  HONE_RETURN_IF_ERROR(Execute(s->body));
  HONE_ASSIGN_OR_RETURN(const ir::PrimFunc function, FinishFunction(frame, s->text));
  frames_.clear();
  Release(mark);
  functions_.push_back({declared_.at(s->text).var, function});
  if (check) checked_.push_back({function, s->at});
  return absl::OkStatus();
}

namespace {

// Was the function made from tensor expressions? The text does not say, but such functions name a block's iter
// v_<axis>; the first block that has iters is asked, since schedules add blocks with other names.
bool IsFromTensorExpressions(Stmt body) {
  const ir::BlockNode* first = nullptr;
  ir::PreOrderVisitStmts(body, [&](Stmt s) {
    const auto* block = s.as<ir::BlockNode>();
    if (first == nullptr && block != nullptr && !block->iter_vars.empty()) first = block;
    return first == nullptr;
  });
  if (first == nullptr) return false;
  for (const ir::IterVar iter : first->iter_vars) {
    if (!iter->var.name().starts_with("v_") || iter->var.name().starts_with("v_axis")) return false;
  }
  return true;
}

}  // namespace

// Handles of T.Buffer annotations are called <buffer>_handle (<buffer>_1_handle for a second of the name); in functions
// made from tensor expressions var_<buffer>.
void Builder::NameHandles(Frame* frame, Stmt body) {
  if (!IsFromTensorExpressions(body)) return;
  for (ir::BufferBinding& binding : frame->buffer_map) {
    const std::string_view name = binding.param.name();
    if (!name.starts_with(binding.buffer->name) || !name.ends_with("_handle")) continue;
    const ir::Var handle = ir::MakeVar(StrCat("var_", binding.buffer->name), ir::DataType::Handle());
    for (ir::Var& param : frame->params) {
      if (param == binding.param) param = handle;
    }
    binding.param = handle;
  }
}

Builder::Or<ir::PrimFunc> Builder::FinishFunction(Frame* frame, std::string_view name) {
  Stmt body = Body(frame);
  NameHandles(frame, body);
  const auto* realize = body.as<ir::BlockRealizeNode>();
  const bool insert_root = !frame->alloc_buffers.empty() ||
                           (realize != nullptr && !realize->block->iter_vars.empty()) ||
                           (realize == nullptr && ContainsRealize(body));
  if (insert_root) {
    body = ir::MakeBlockRealize({}, ir::BoolImm(true),
                                ir::MakeBlock({}, {}, {}, "root", body, {}, ir::MakeArray(frame->alloc_buffers)));
  }
  ir::Attrs attrs = frame->annotations;
  if (frame->is_private) {
    if (attrs.Has("global_symbol")) {
      return Error(frame->at, StrCat("the private function '", name, "' has a global_symbol"));
    }
  } else if (!attrs.Has("global_symbol")) {
    attrs = attrs.With("global_symbol", ir::String(name));
  }
  const ir::PrimFunc function =
      ir::MakePrimFunc(ir::MakeArray(frame->params), ir::MakeArray(frame->buffer_map), body, attrs, frame->ret_type);
  HONE_RETURN_IF_ERROR(InferRegions(function, missing_, source_));
  return function;
}

}  // namespace hone::script
