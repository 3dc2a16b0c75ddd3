#include "common/script/printer.h"

#include <algorithm>

#include "common/ir/visitor.h"
#include "common/script/graph_json.h"
#include "common/script/quote.h"
#include "common/script/script_printer.h"
#include "common/support/strings.h"

namespace hone::script {
namespace {

bool HasNoVars(ir::Expr e) {
  return !ir::UsesVar(e, [](ir::Var) { return true; });
}

// Described by shape and dtype alone.
bool IsSimple(ir::Buffer buffer) {
  if (!buffer->strides.empty() || !buffer->axis_separators.empty()) return false;
  for (const ir::Expr dim : buffer->shape) {
    if (!HasNoVars(dim)) return false;
  }
  return ir::IsZero(buffer->elem_offset) && buffer->scope() == "global" && buffer->data_alignment == 64 &&
         buffer->offset_factor == 1 && buffer->buffer_type == ir::BufferType::kDefault;
}

bool ContainsRealize(ir::Stmt stmt) {
  bool found = false;
  ir::PreOrderVisitStmts(stmt, [&](ir::Stmt s) {
    found = found || s.kind() == ir::StmtKind::kBlockRealize;
    return !found;
  });
  return found;
}

bool IsMain(const ir::ModuleEntry& entry) { return entry.var->name == "main"; }

}  // namespace

ScriptPrinter::ScriptPrinter(const PrintOptions& options) : options_(options) {
  for (const std::string& name : {options.ir_prefix, options.tir_prefix, std::string("R"), std::string("cls")}) {
    names_.insert(name);
  }
  for (const auto& [node, text] : options.annotations) notes_[node] = text;
}

const ir::BlockNode* ScriptPrinter::ImplicitRoot(const ir::PrimFuncNode* func) const {
  const auto* realize = func->body.as<ir::BlockRealizeNode>();
  if (!options_.syntax_sugar || realize == nullptr || !realize->iter_values.empty() || !ir::IsOne(realize->predicate)) {
    return nullptr;
  }
  const ir::BlockNode* root = realize->block;
  if (!root->annotations.empty() || !root->match_buffers.empty() || !root->reads.empty() || !root->writes.empty() ||
      root->init) {
    return nullptr;
  }
  const auto* inner = root->body.as<ir::BlockRealizeNode>();
  const bool implied = !root->alloc_buffers.empty() || (inner != nullptr && !inner->block->iter_vars.empty()) ||
                       (inner == nullptr && ContainsRealize(root->body));
  return implied ? root : nullptr;
}

void ScriptPrinter::FuncLines(const ir::PrimFuncNode* func, std::string_view name, std::vector<LineDoc>* out) {
  func_ = func;
  scopes_ = nullptr;
  Frame frame(this, func);
  // How often each variable is mentioned: a handle whose only use is to stand for its buffer is implied.
  absl::flat_hash_map<const ir::VarNode*, int> mentions;
  absl::flat_hash_map<const ir::VarNode*, int> data_uses;
  for (const ir::BufferBinding& binding : func->buffer_map) {
    ++data_uses[binding.buffer->data.get()];
    mentions[binding.param.get()] = 0;
  }
  if (!mentions.empty() && options_.syntax_sugar) {
    ir::PostOrderVisitExprs(func->body, [&](ir::Expr e) {
      if (const auto* var = e.as<ir::VarNode>()) {
        if (auto it = mentions.find(var); it != mentions.end()) ++it->second;
      }
    });
  }
  std::string params;
  absl::flat_hash_set<const ir::BufferNode*> inlined;
  std::vector<std::string> names;
  for (const ir::Var param : func->params) {
    if (!params.empty()) params += ", ";
    const ir::Buffer buffer = func->BufferOf(param);
    if (options_.syntax_sugar && buffer && mentions[param.get()] == 0 && IsSimple(buffer) &&
        data_uses[buffer->data.get()] == 1) {
      names.push_back(DefineBuffer(buffer, &frame));
      DefineAs(buffer->data.get(), names.back() + ".data", &frame);
      params += names.back() + ": " + BufferAnnotation(buffer);
      inlined.insert(buffer.get());
      continue;
    }
    names.push_back(DefineVar(param, &frame));
    params += names.back() + ": ";
    EmitType(param->type, &params);
  }
  ir::Attrs attrs = func->attrs;
  const bool is_private = !attrs.Has("global_symbol");
  if (!is_private && attrs.GetString("global_symbol") == name) {
    const ir::ArenaScope scope(scratch_);
    attrs = attrs.Without("global_symbol");
  }
  if (!attrs.empty()) {
    std::string text = Tir("func_attr(");
    EmitAttrs(attrs, &text);
    frame.lines.push_back(LineDoc::Line(text + ")"));
  }
  for (size_t i = 0; i < func->params.size(); ++i) {
    const ir::Buffer buffer = func->BufferOf(func->params[i]);
    if (!buffer || inlined.contains(buffer.get())) continue;
    const std::string lhs = DefineBuffer(buffer, &frame);
    std::string decl = BufferDecl(buffer, "match_buffer", names[i], &frame, DefinedBy::kMatch);
    frame.lines.push_back(LineDoc::Line(lhs + " = " + decl));
  }
  if (const ir::BlockNode* root = ImplicitRoot(func)) {
    frame.lines.push_back(LineDoc::Line("# with " + Tir("block(\"root\"):") + Note(root)));
    for (const ir::Buffer buffer : root->alloc_buffers) {
      const std::string lhs = DefineBuffer(buffer, &frame);
      std::string decl = BufferDecl(buffer, "alloc_buffer", "", &frame, DefinedBy::kDataPointer);
      frame.lines.push_back(LineDoc::Line(lhs + " = " + decl));
    }
    Body(root->body, &frame);
  } else {
    Body(func->body, &frame);
  }
  std::string head = "def " + std::string(name) + "(" + params + ")";
  const ir::TypeNode* ret = func->ret_type;
  if (ret != nullptr && !(ret->kind == ir::TypeKind::kTuple && ret->fields.empty())) {
    head += " -> ";
    EmitType(ret, &head);
  }
  out->push_back(LineDoc::Line("@" + Tir(is_private ? "prim_func(private=True)" : "prim_func")));
  out->push_back(LineDoc::Block(head + ":", std::move(frame.lines)));
  func_ = nullptr;
}

std::string ScriptPrinter::Metadata(std::string_view type_key, const ir::Object* object) {
  for (auto& [key, objects] : metadata_) {
    if (key != type_key) continue;
    objects.push_back(object);
    return StrCat("metadata[", Quoted(type_key), "][", objects.size() - 1, "]");
  }
  metadata_.emplace_back(std::string(type_key), std::vector<const ir::Object*>{object});
  return StrCat("metadata[", Quoted(type_key), "][0]");
}

std::string ScriptPrinter::MetadataText() {
  const ir::ArenaScope scope(scratch_);
  ir::Attrs attrs;
  for (const auto& [key, objects] : metadata_) attrs = attrs.With(key, ir::ObjectArray(ir::MakeArray(objects)));
  std::string out = "metadata = tvm.ir.load_json(\"\"\"";
  for (const char c : SaveObjectJson(ir::Map(attrs))) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"\"\")\n";
}

std::string ScriptPrinter::Finish(bool has_ir, bool has_tir, const std::vector<LineDoc>& lines) {
  std::string out;
  if (options_.header) {
    if (has_ir) StrAppend(&out, "# from tvm.script import ir as ", options_.ir_prefix, "\n");
    if (has_tir) StrAppend(&out, "# from tvm.script import tir as ", options_.tir_prefix, "\n");
    if (!out.empty()) out += '\n';
  }
  Render(lines, 0, &out);
  while (!out.empty() && (out.back() == '\n' || out.back() == ' ')) out.pop_back();
  if (metadata_.empty()) return out;
  if (options_.show_meta) return MetadataText() + out;
  return out + "\n\n# Metadata omitted. Use show_meta=True in script() method to show it.";
}

std::string ScriptPrinter::Module(const ir::IRModule& module) {
  Frame frame(this, module.get(), /*is_tir=*/false);
  class_name_ = Define(module.get(), options_.name.empty() ? "Module" : options_.name, &frame);
  std::vector<LineDoc> body;
  if (!module->attrs.empty()) {
    std::string text = Ir("module_attrs(");
    EmitAttrs(module->attrs, &text);
    body.push_back(LineDoc::Line(text + ")"));
  }
  if (!module->global_infos.empty()) {
    std::string text = Ir("module_global_infos(");
    EmitAttrs(module->global_infos, &text);
    body.push_back(LineDoc::Line(text + ")"));
  }
  std::vector<ir::ModuleEntry> functions = module->functions.ToVector();
  std::stable_sort(functions.begin(), functions.end(), [](const ir::ModuleEntry& a, const ir::ModuleEntry& b) {
    return IsMain(a) != IsMain(b) ? IsMain(b) : false;
  });
  bool has_tir = false;
  for (const ir::ModuleEntry& entry : functions) {
    if (const auto* func = ir::As<ir::PrimFuncNode>(entry.function)) {
      has_tir = true;
      FuncLines(func, entry.var->name, &body);
    } else {
      std::string text = std::string(entry.var->name) + " = ";
      EmitObject(entry.function, &text);
      body.push_back(LineDoc::Line(std::move(text)));
    }
    body.back().blank_after = true;
  }
  std::vector<LineDoc> lines;
  lines.push_back(LineDoc::Line("@" + Ir("ir_module")));
  lines.push_back(LineDoc::Block("class " + class_name_ + ":", std::move(body)));
  return Finish(true, has_tir, lines);
}

std::string ScriptPrinter::Func(const ir::PrimFuncNode* func) {
  std::string name = options_.name;
  if (name.empty()) name = std::string(func->attrs.GetString("global_symbol", "main"));
  std::vector<LineDoc> lines;
  FuncLines(func, name, &lines);
  return Finish(false, true, lines);
}

std::string ScriptPrinter::Statement(ir::Stmt stmt) {
  Frame frame(this, nullptr);
  Body(stmt, &frame);
  std::string out;
  Render(frame.lines, 0, &out);
  while (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

std::string ScriptPrinter::Expression(ir::Expr expr) {
  Frame frame(this, nullptr);
  return ToText(expr);
}

std::string ScriptPrinter::Value(const ir::Object* object) {
  Frame frame(this, nullptr);
  std::string out;
  EmitObject(object, &out);
  return out;
}

std::string PrintModule(const ir::IRModule& module, const PrintOptions& options) {
  return ScriptPrinter(options).Module(module);
}

std::string PrintFunc(const ir::PrimFuncNode* func, const PrintOptions& options) {
  return ScriptPrinter(options).Func(func);
}

std::string PrintStmt(ir::Stmt stmt, const PrintOptions& options) { return ScriptPrinter(options).Statement(stmt); }

std::string PrintExpr(ir::Expr expr) {
  const PrintOptions options;
  return ScriptPrinter(options).Expression(expr);
}

std::string PrintObject(const ir::Object* object) {
  const PrintOptions options;
  return ScriptPrinter(options).Value(object);
}

}  // namespace hone::script
