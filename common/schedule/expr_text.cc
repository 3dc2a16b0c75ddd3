#include "common/schedule/expr_text.h"

#include "common/ir/buffer.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

struct Operator {
  const char* text;
  int precedence;
};

// Null text: written as a function.
Operator OperatorOf(ir::ExprKind kind) {
  switch (kind) {
    case ir::ExprKind::kOr:
      return {" or ", 1};
    case ir::ExprKind::kAnd:
      return {" and ", 2};
    case ir::ExprKind::kEQ:
      return {" == ", 4};
    case ir::ExprKind::kNE:
      return {" != ", 4};
    case ir::ExprKind::kLT:
      return {" < ", 4};
    case ir::ExprKind::kLE:
      return {" <= ", 4};
    case ir::ExprKind::kGT:
      return {" > ", 4};
    case ir::ExprKind::kGE:
      return {" >= ", 4};
    case ir::ExprKind::kAdd:
      return {" + ", 5};
    case ir::ExprKind::kSub:
      return {" - ", 5};
    case ir::ExprKind::kMul:
      return {" * ", 6};
    case ir::ExprKind::kDiv:
      return {" / ", 6};
    case ir::ExprKind::kFloorDiv:
      return {" // ", 6};
    case ir::ExprKind::kFloorMod:
      return {" % ", 6};
    default:
      return {nullptr, 10};
  }
}

std::string_view FunctionOf(ir::ExprKind kind) {
  switch (kind) {
    case ir::ExprKind::kMin:
      return "T.min";
    case ir::ExprKind::kMax:
      return "T.max";
    case ir::ExprKind::kMod:
      return "T.truncmod";
    default:
      return "T.op";
  }
}

std::string Text(ir::Expr e, int* precedence);

std::string Operand(ir::Expr e, int needed) {
  int precedence = 10;
  const std::string text = Text(e, &precedence);
  return precedence < needed ? StrCat("(", text, ")") : text;
}

std::string List(ir::Array<ir::Expr> items) {
  std::string out;
  for (ir::Expr item : items) StrAppend(&out, out.empty() ? "" : ", ", ExprText(item));
  return out;
}

std::string Text(ir::Expr e, int* precedence) {
  *precedence = 10;
  if (const auto* var = e.as<ir::VarNode>()) return std::string(var->name);
  if (const auto* imm = e.as<ir::IntImmNode>()) {
    if (imm->dtype.is_bool()) return imm->value != 0 ? "T.bool(True)" : "T.bool(False)";
    if (imm->dtype == ir::kInt32) return StrCat(imm->value);
    return StrCat("T.", imm->dtype.ToString(), "(", imm->value, ")");
  }
  if (const auto* imm = e.as<ir::FloatImmNode>()) return StrCat("T.", imm->dtype.ToString(), "(", imm->value, ")");
  if (const auto* binary = e.as<ir::BinaryNode>()) {
    const Operator op = OperatorOf(e.kind());
    if (op.text == nullptr) {
      return StrCat(FunctionOf(e.kind()), "(", ExprText(binary->a), ", ", ExprText(binary->b), ")");
    }
    *precedence = op.precedence;
    return StrCat(Operand(binary->a, op.precedence), op.text, Operand(binary->b, op.precedence + 1));
  }
  if (const auto* cast = e.as<ir::CastNode>()) {
    return StrCat("T.Cast(\"", cast->dtype.ToString(), "\", ", ExprText(cast->value), ")");
  }
  if (const auto* negation = e.as<ir::NotNode>()) {
    *precedence = 3;
    return StrCat("not ", Operand(negation->a, 3));
  }
  if (const auto* load = e.as<ir::BufferLoadNode>()) return StrCat(load->buffer->name, "[", List(load->indices), "]");
  if (const auto* call = e.as<ir::CallNode>()) {
    return StrCat("T.", call->function != nullptr ? call->function->name : ir::InfoOf(call->op).name, "(",
                  List(call->args), ")");
  }
  return "...";
}

}  // namespace

std::string ExprText(ir::Expr e) {
  int precedence = 10;
  return Text(e, &precedence);
}

}  // namespace hone::schedule
