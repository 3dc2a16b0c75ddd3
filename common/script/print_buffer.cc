// Declarations of buffers and of the variables that they bring along.
#include "common/ir/visitor.h"
#include "common/script/quote.h"
#include "common/script/script_printer.h"
#include "common/support/strings.h"

namespace hone::script {
namespace {

using ir::Expr;

int CountUses(ir::Buffer buffer, ir::Var var) {
  int uses = 0;
  auto count = [&](Expr e) { ir::PostOrderVisitExprs(e, [&](Expr inner) { uses += inner.get() == var.get(); }); };
  count(buffer->elem_offset);
  count(buffer->data);
  for (const Expr e : buffer->strides) count(e);
  for (const Expr e : buffer->shape) count(e);
  return uses;
}

}  // namespace

std::string ScriptPrinter::VarCreation(ir::Var var) {
  std::string out;
  if (var->type->kind == ir::TypeKind::kPointer) {
    EmitType(var->type, &out);
    if (var->is_size_var) out.insert(out.size() - 1, ", is_size_var=True");
    return out;
  }
  StrAppend(&out, options_.tir_prefix, ".", var.dtype().ToString(true), "(", var->is_size_var ? "is_size_var=True" : "",
            ")");
  return out;
}

std::string ScriptPrinter::BufferAnnotation(ir::Buffer buffer) {
  std::string out = Tir("Buffer(");
  EmitTuple(buffer->shape, &out);
  StrAppend(&out, ", ", Quoted(buffer->dtype.ToString(true)), ")");
  return out;
}

std::string ScriptPrinter::BufferDecl(ir::Buffer buffer, std::string_view name, std::string first, Frame* frame,
                                      DefinedBy by) {
  std::vector<std::string> new_names;
  std::vector<std::string> new_values;
  auto new_var = [&](Expr e) {
    const auto* var = e.as<ir::VarNode>();
    return var != nullptr && !IsDefined(var) ? var : nullptr;
  };
  auto define_before = [&](const ir::VarNode* var) {
    new_names.push_back(DefineVar(var, frame));
    new_values.push_back(VarCreation(var));
  };
  // The variable prints as a part of the buffer, if the buffer mentions it once.
  auto define_inline = [&](const ir::VarNode* var, std::string_view part) {
    if (CountUses(buffer, var) != 1) {
      define_before(var);
      return false;
    }
    const auto known = texts_.find(buffer.get());
    const std::string base = known != texts_.end() ? known->second : std::string(buffer->name);
    DefineAs(var, StrCat(base, ".", part), frame);
    return true;
  };

  std::string out = Tir(name);
  out += '(';
  if (!first.empty()) StrAppend(&out, first, ", ");
  for (const Expr dim : buffer->shape) {
    if (const auto* var = new_var(dim)) define_before(var);
  }
  EmitTuple(buffer->shape, &out);
  if (!(buffer->dtype == ir::kFloat32)) StrAppend(&out, ", ", Quoted(buffer->dtype.ToString(true)));
  bool implied_data = false;
  if (const auto* var = new_var(buffer->data)) {
    if (by == DefinedBy::kNothing) {
      define_before(var);
    } else {
      implied_data = define_inline(var, "data");
    }
  }
  if (!implied_data) StrAppend(&out, ", data=", VarName(buffer->data));
  if (!buffer->strides.empty()) {
    out += ", strides=(";
    for (size_t i = 0; i < buffer->strides.size(); ++i) {
      if (i > 0) out += ", ";
      const auto* var = new_var(buffer->strides[i]);
      if (var != nullptr && define_inline(var, StrCat("strides[", i, "]"))) {
        out += Quoted(var->name);
      } else {
        Emit(buffer->strides[i], &out);
      }
    }
    out += buffer->strides.size() == 1 ? ",)" : ")";
  }
  bool implied_offset = false;
  if (const auto* var = new_var(buffer->elem_offset)) {
    define_inline(var, "elem_offset");
    implied_offset = true;
  } else if (!ir::IsZero(buffer->elem_offset)) {
    out += ", elem_offset=";
    Emit(buffer->elem_offset, &out);
  }
  if (buffer->scope() != "global") StrAppend(&out, ", scope=", Quoted(buffer->scope()));
  if (buffer->data_alignment != 64) StrAppend(&out, ", align=", buffer->data_alignment);
  if (implied_offset || buffer->offset_factor != 1) StrAppend(&out, ", offset_factor=", buffer->offset_factor);
  if (buffer->buffer_type != ir::BufferType::kDefault) out += ", buffer_type=\"auto\"";
  if (!buffer->axis_separators.empty()) {
    out += ", axis_separators=";
    EmitList(buffer->axis_separators, &out);
  }
  out += ')';
  if (new_names.size() == 1) {
    frame->lines.push_back(LineDoc::Line(new_names[0] + " = " + new_values[0]));
  } else if (new_names.size() > 1) {
    std::string left, right;
    for (size_t i = 0; i < new_names.size(); ++i) {
      StrAppend(&left, i > 0 ? ", " : "", new_names[i]);
      StrAppend(&right, i > 0 ? ", " : "", new_values[i]);
    }
    frame->lines.push_back(LineDoc::Line(left + " = " + right));
  }
  return out;
}

}  // namespace hone::script
