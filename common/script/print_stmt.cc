// Statements other than blocks.
#include <cstring>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_format.h"
#include "common/ir/structural_equal.h"
#include "common/ir/visitor.h"
#include "common/script/half.h"
#include "common/script/quote.h"
#include "common/script/script_printer.h"
#include "common/support/strings.h"

namespace hone::script {
namespace {

using ir::Expr;
using ir::Stmt;

// More elements of a constant are cut.
constexpr int64_t kMaxConstElems = 201;

template <typename T>
T ReadAs(std::string_view bytes, int64_t index) {
  T value;
  std::memcpy(&value, bytes.data() + static_cast<size_t>(index) * sizeof(T), sizeof(T));
  return value;
}

std::string Number(double value) {
  std::string text = absl::StrFormat("%.17g", value);
  if (text.find_first_of(".einf") == std::string::npos) text += ".0";
  if (text.find("inf") != std::string::npos || text.find("nan") != std::string::npos) return "0.0";
  return text;
}

std::string Element(const ir::NDArrayNode* array, int64_t i) {
  const ir::DataType t = array->dtype;
  if (t == ir::DataType::Float(64)) return Number(ReadAs<double>(array->bytes, i));
  if (t == ir::kFloat32) return Number(ReadAs<float>(array->bytes, i));
  if (t == ir::DataType::Float(16)) return Number(DoubleFromHalf(ReadAs<uint16_t>(array->bytes, i)));
  if (t.is_int() && t.bits == 64) return StrCat(ReadAs<int64_t>(array->bytes, i));
  if (t.is_int() && t.bits == 32) return StrCat(ReadAs<int32_t>(array->bytes, i));
  if (t.is_int() && t.bits == 16) return StrCat(ReadAs<int16_t>(array->bytes, i));
  if (t.is_int() && t.bits == 8) return StrCat(static_cast<int>(ReadAs<int8_t>(array->bytes, i)));
  if (t.is_uint() && t.bits == 64) return StrCat(ReadAs<uint64_t>(array->bytes, i));
  if (t.is_uint() && t.bits == 32) return StrCat(ReadAs<uint32_t>(array->bytes, i));
  if (t.is_uint() && t.bits == 16) return StrCat(ReadAs<uint16_t>(array->bytes, i));
  if (t.is_uint() && t.bits <= 8) return StrCat(static_cast<int>(ReadAs<uint8_t>(array->bytes, i)));
  return "0";
}

// The elements from `*next` on, nested by the dimensions from `axis` on.
void AppendNested(const ir::NDArrayNode* array, size_t axis, int64_t* next, std::string* out) {
  if (axis == array->shape.size()) {
    if (*next < kMaxConstElems) *out += Element(array, *next);
    ++*next;
    return;
  }
  *out += '[';
  for (int64_t i = 0; i < array->shape[axis] && *next < kMaxConstElems; ++i) {
    if (i > 0) *out += ", ";
    AppendNested(array, axis + 1, next, out);
  }
  *out += ']';
}

bool IsFusedDecl(const ir::AllocateNode* node) {
  const auto* decl = node->body.as<ir::DeclBufferNode>();
  if (decl == nullptr || !(node->buffer_var == decl->buffer->data) || !(node->dtype == decl->buffer->dtype))
    return false;
  if (!ir::IsOne(node->condition) || !node->annotations.empty()) return false;
  if (node->extents.size() != decl->buffer->shape.size()) return false;
  for (size_t i = 0; i < node->extents.size(); ++i) {
    if (!ir::DeepEqual(node->extents[i], decl->buffer->shape[i])) return false;
  }
  return true;
}

}  // namespace

void ScriptPrinter::Body(Stmt stmt, Frame* frame) {
  const auto* seq = stmt.as<ir::SeqNode>();
  if (seq == nullptr) {
    frame->allow_concise = true;
    One(stmt, frame);
    return;
  }
  for (size_t i = 0; i < seq->seq.size(); ++i) {
    frame->allow_concise = i + 1 == seq->seq.size();
    One(seq->seq[i], frame);
  }
}

void ScriptPrinter::One(Stmt stmt, Frame* frame) {
  const size_t first = frame->lines.size();
  switch (stmt.kind()) {
    case ir::StmtKind::kLetStmt:
      Let(stmt.as<ir::LetStmtNode>(), frame);
      break;
    case ir::StmtKind::kAttrStmt:
      Attribute(stmt.as<ir::AttrStmtNode>(), frame);
      break;
    case ir::StmtKind::kAssertStmt:
      Assert(stmt.as<ir::AssertStmtNode>(), frame);
      break;
    case ir::StmtKind::kBufferStore:
      Store(stmt.as<ir::BufferStoreNode>(), frame);
      break;
    case ir::StmtKind::kBufferRealize:
      Realize(stmt.as<ir::BufferRealizeNode>(), "\"\"", frame->allow_concise, frame);
      break;
    case ir::StmtKind::kAllocate:
      Allocate(stmt.as<ir::AllocateNode>(), frame);
      break;
    case ir::StmtKind::kAllocateConst:
      AllocateConst(stmt.as<ir::AllocateConstNode>(), frame);
      break;
    case ir::StmtKind::kDeclBuffer:
      DeclBuffer(stmt.as<ir::DeclBufferNode>(), frame, DefinedBy::kNothing);
      break;
    case ir::StmtKind::kSeq:
      for (const Stmt inner : stmt.as<ir::SeqNode>()->seq) {
        frame->allow_concise = false;
        One(inner, frame);
      }
      break;
    case ir::StmtKind::kIfThenElse:
      If(stmt.as<ir::IfThenElseNode>(), frame);
      break;
    case ir::StmtKind::kEvaluate:
      Evaluate(stmt.as<ir::EvaluateNode>(), frame);
      break;
    case ir::StmtKind::kFor:
      Loop(stmt.as<ir::ForNode>(), frame);
      break;
    case ir::StmtKind::kWhile: {
      const auto* node = stmt.as<ir::WhileNode>();
      const std::string condition = ToText(node->condition);
      Frame inner(this, node);
      Body(node->body, &inner);
      frame->lines.push_back(LineDoc::Block("while " + condition + ":", std::move(inner.lines)));
      break;
    }
    case ir::StmtKind::kBlock:
      Block(stmt.as<ir::BlockNode>(), nullptr, frame);
      break;
    case ir::StmtKind::kBlockRealize: {
      const auto* realize = stmt.as<ir::BlockRealizeNode>();
      Block(realize->block, realize, frame);
      break;
    }
  }
  if (!notes_.empty() && frame->lines.size() > first) frame->lines[first].text += Note(stmt.get());
}

void ScriptPrinter::Scope(const std::string& lhs, const std::string& head, bool concise, Frame* inner, Frame* frame) {
  if (!concise) {
    std::string text = "with " + head;
    if (!lhs.empty()) text += " as " + lhs;
    frame->lines.push_back(LineDoc::Block(text + ":", std::move(inner->lines)));
    return;
  }
  frame->lines.push_back(LineDoc::Line(lhs.empty() ? head : lhs + " = " + head));
  for (LineDoc& line : inner->lines) frame->lines.push_back(std::move(line));
}

void ScriptPrinter::Store(const ir::BufferStoreNode* node, Frame* frame) {
  std::string out = BufferName(node->buffer);
  if (node->predicate) {
    out += ".vstore(";
    EmitList(node->indices, &out);
    out += ", ";
    Emit(node->value, &out);
    out += ", predicate=";
    Emit(node->predicate, &out);
    out += ')';
  } else {
    out += '[';
    EmitIndices(node->indices, &out);
    out += "] = ";
    Emit(node->value, &out);
  }
  frame->lines.push_back(LineDoc::Line(std::move(out)));
}

void ScriptPrinter::Evaluate(const ir::EvaluateNode* node, Frame* frame) {
  const auto* call = node->value.as<ir::CallNode>();
  std::string out;
  if (call == nullptr) {
    out = Tir("evaluate(") + ToText(node->value) + ")";
  } else if (options_.syntax_sugar && call->Is(ir::Builtin::ret) && call->args.size() == 1) {
    out = "return " + ToText(call->args[0]);
  } else {
    out = ToText(node->value);
  }
  frame->lines.push_back(LineDoc::Line(std::move(out)));
}

void ScriptPrinter::If(const ir::IfThenElseNode* node, Frame* frame) {
  const std::string condition = ToText(node->condition);
  {
    Frame inner(this, node->then_case.get());
    Body(node->then_case, &inner);
    frame->lines.push_back(LineDoc::Block("if " + condition + ":", std::move(inner.lines)));
  }
  if (!node->else_case) return;
  Frame inner(this, node->else_case.get());
  Body(node->else_case, &inner);
  frame->lines.push_back(LineDoc::Block("else:", std::move(inner.lines)));
}

void ScriptPrinter::Let(const ir::LetStmtNode* node, Frame* frame) {
  const bool concise = frame->allow_concise;
  const std::string value = ToText(node->value);
  Frame inner(this, node);
  if (IsDefined(node->var.get())) {
    const std::string head = Tir("LetStmt(") + value + ", var=" + VarName(node->var) + ")";
    Body(node->body, &inner);
    Scope("", head, concise, &inner, frame);
    return;
  }
  const std::string name = DefineVar(node->var, &inner);
  std::string type;
  EmitType(node->var->type, &type);
  Body(node->body, &inner);
  if (concise) {
    frame->lines.push_back(LineDoc::Line(name + ": " + type + " = " + value));
    for (LineDoc& line : inner.lines) frame->lines.push_back(std::move(line));
    return;
  }
  const bool pointer = node->var->type->kind == ir::TypeKind::kPointer;
  Scope(name, Tir("LetStmt(") + value + (pointer ? ", " + type : "") + ")", false, &inner, frame);
}

void ScriptPrinter::Realize(const ir::BufferRealizeNode* node, const std::string& scope, bool concise, Frame* frame) {
  std::string head = Tir("realize(");
  const ir::ArenaScope arena(scratch_);
  EmitRegion(ir::MakeBufferRegion(node->buffer, node->bounds), &head);
  head += ", " + scope;
  if (!ir::IsOne(node->condition)) head += ", " + ToText(node->condition);
  head += ')';
  Frame inner(this, node);
  Body(node->body, &inner);
  Scope("", head, concise, &inner, frame);
}

void ScriptPrinter::Attribute(const ir::AttrStmtNode* node, Frame* frame) {
  const bool concise = frame->allow_concise;
  if (node->attr_key == "realize_scope") {
    const auto* realize = node->body.as<ir::BufferRealizeNode>();
    if (realize != nullptr && realize->buffer.get() == node->node) {
      Realize(realize, ToText(node->value), concise, frame);
      return;
    }
  }
  const auto* iter = ir::As<ir::IterVarNode>(node->node);
  const bool is_thread = node->attr_key == "thread_extent" || node->attr_key == "virtual_thread";
  std::string head;
  bool defines = false;
  if (iter != nullptr && is_thread) {
    std::string thread;
    if (IsDefined(iter->var.get())) {
      thread = VarName(iter->var);
    } else if (EnclosesAllUses(node, iter->var.get())) {
      thread = Quoted(iter->thread_tag);
      defines = true;
    } else {
      Frame* outer = FrameFor(iter->var.get());
      if (outer == nullptr) outer = frame;
      thread = DefineVar(iter->var, outer);
      outer->lines.push_back(LineDoc::Line(thread + " = " + Tir("env_thread(") + Quoted(iter->thread_tag) + ")"));
    }
    head = Tir("launch_thread(") + thread + ", " + ToText(node->value) + ")";
  } else {
    head = Tir("attr(");
    EmitObject(node->node, &head);
    head += ", " + Quoted(node->attr_key) + ", " + ToText(node->value) + ")";
  }
  Frame inner(this, node);
  const std::string lhs = defines ? DefineVar(iter->var, &inner) : std::string();
  Body(node->body, &inner);
  Scope(lhs, head, concise, &inner, frame);
}

void ScriptPrinter::Assert(const ir::AssertStmtNode* node, Frame* frame) {
  const bool concise = frame->allow_concise;
  const std::string condition = ToText(node->condition);
  const std::string message = ToText(node->message);
  Frame inner(this, node);
  Body(node->body, &inner);
  if (!concise) {
    Scope("", Tir("Assert(") + condition + ", " + message + ")", false, &inner, frame);
    return;
  }
  frame->lines.push_back(LineDoc::Line("assert " + condition + ", " + message));
  for (LineDoc& line : inner.lines) frame->lines.push_back(std::move(line));
}

void ScriptPrinter::Allocate(const ir::AllocateNode* node, Frame* frame) {
  if (options_.syntax_sugar && IsFusedDecl(node)) {
    DeclBuffer(node->body.as<ir::DeclBufferNode>(), frame, DefinedBy::kDataPointer);
    return;
  }
  const bool concise = frame->allow_concise;
  std::string head = Tir("allocate(");
  EmitList(node->extents, &head);
  const std::string_view scope = node->buffer_var->type->scope;
  head += ", " + Quoted(node->dtype.ToString(true)) + ", " + Quoted(scope.empty() ? "global" : scope);
  if (!ir::IsOne(node->condition)) head += ", " + ToText(node->condition);
  if (!node->annotations.empty()) {
    head += ", annotations=";
    EmitAttrs(node->annotations, &head);
  }
  head += ')';
  Frame inner(this, node);
  const std::string lhs = DefineVar(node->buffer_var, &inner);
  Body(node->body, &inner);
  Scope(lhs, head, concise, &inner, frame);
}

void ScriptPrinter::AllocateConst(const ir::AllocateConstNode* node, Frame* frame) {
  const bool concise = frame->allow_concise;
  std::string head = Tir("allocate_const(");
  if (node->data != nullptr) {
    int64_t next = 0;
    AppendNested(node->data, 0, &next, &head);
  } else {
    head += "None";
  }
  head += ", " + Quoted(node->dtype.ToString(true)) + ", ";
  EmitList(node->extents, &head);
  if (!node->annotations.empty()) {
    head += ", annotations=";
    EmitAttrs(node->annotations, &head);
  }
  head += ')';
  Frame inner(this, node);
  const std::string lhs = DefineVar(node->buffer_var, &inner);
  Body(node->body, &inner);
  Scope(lhs, head, concise, &inner, frame);
}

void ScriptPrinter::DeclBuffer(const ir::DeclBufferNode* node, Frame* frame, DefinedBy by) {
  const bool concise = frame->allow_concise;
  Frame inner(this, node);
  const std::string lhs = DefineBuffer(node->buffer, &inner);
  const std::string head = BufferDecl(node->buffer, "decl_buffer", "", frame, by);
  Body(node->body, &inner);
  Scope(lhs, head, concise, &inner, frame);
}

void ScriptPrinter::Loop(const ir::ForNode* node, Frame* frame) {
  std::vector<const ir::ForNode*> grid;
  if (options_.syntax_sugar) {
    absl::flat_hash_set<const ir::VarNode*> vars;
    for (const ir::ForNode* loop = node; loop != nullptr; loop = loop->body.as<ir::ForNode>()) {
      if (loop->for_kind != ir::ForKind::kSerial || !ir::IsZero(loop->min) || !loop->annotations.empty()) break;
      if (!loop->extent.as<ir::IntImmNode>() &&
          ir::UsesVar(loop->extent, [&](ir::Var v) { return vars.contains(v.get()); })) {
        break;
      }
      grid.push_back(loop);
      vars.insert(loop->loop_var.get());
    }
  }
  Frame inner(this, node);
  inner.is_loop = true;
  if (grid.size() > 1) {
    std::string names, extents, notes;
    for (const ir::ForNode* loop : grid) {
      StrAppend(&names, names.empty() ? "" : ", ", DefineVar(loop->loop_var, &inner));
      StrAppend(&extents, extents.empty() ? "" : ", ", ToText(loop->extent));
      if (loop != node) notes += Note(loop);
    }
    Body(grid.back()->body, &inner);
    frame->lines.push_back(
        LineDoc::Block("for " + names + " in " + Tir("grid(") + extents + "):" + notes, std::move(inner.lines)));
    return;
  }
  const std::string name = DefineVar(node->loop_var, &inner);
  std::string head;
  switch (node->for_kind) {
    case ir::ForKind::kSerial:
      head = node->annotations.empty() ? "range(" : Tir("serial(");
      break;
    case ir::ForKind::kParallel:
      head = Tir("parallel(");
      break;
    case ir::ForKind::kVectorized:
      head = Tir("vectorized(");
      break;
    case ir::ForKind::kUnrolled:
      head = Tir("unroll(");
      break;
    case ir::ForKind::kThreadBinding:
      head = Tir("thread_binding(");
      break;
  }
  if (ir::IsZero(node->min)) {
    Emit(node->extent, &head);
  } else {
    Emit(node->min, &head);
    head += ", ";
    Emit(Sum(node->min, node->extent), &head);
  }
  if (node->thread_binding != nullptr) head += ", thread=" + Quoted(node->thread_binding->thread_tag);
  if (!node->annotations.empty()) {
    head += ", annotations=";
    EmitAttrs(node->annotations, &head);
  }
  Body(node->body, &inner);
  frame->lines.push_back(LineDoc::Block("for " + name + " in " + head + "):", std::move(inner.lines)));
}

}  // namespace hone::script
