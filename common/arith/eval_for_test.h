// Evaluation of integer expressions at a point, for tests.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/arith/iter_map.h"
#include "common/ir/expr.h"
#include "common/ir/ops.h"
#include "common/support/check.h"

namespace hone::arith::testing {

struct Point {
  std::vector<const ir::VarNode*> vars;
  std::vector<int64_t> values;

  int64_t Of(const ir::VarNode* var) const {
    for (size_t i = 0; i < vars.size(); ++i) {
      if (vars[i] == var) return values[i];
    }
    HONE_CHECK(false) << "no value of variable " << var->name;
    return 0;
  }
};

inline int64_t Eval(ir::Expr e, const Point& point) {
  using ir::ExprKind;
  if (const auto* imm = e.as<ir::IntImmNode>()) return imm->value;
  if (const auto* var = e.as<ir::VarNode>()) return point.Of(var);
  if (const auto* op = e.as<ir::NotNode>()) return Eval(op->a, point) == 0 ? 1 : 0;
  if (const auto* op = e.as<ir::CastNode>()) return Eval(op->value, point);
  if (const auto* op = e.as<ir::SelectNode>()) {
    return Eval(op->condition, point) != 0 ? Eval(op->true_value, point) : Eval(op->false_value, point);
  }
  const auto* op = e.as<ir::BinaryNode>();
  HONE_CHECK(op != nullptr) << "unexpected expression kind " << static_cast<int>(e.kind());
  const int64_t a = Eval(op->a, point);
  const int64_t b = Eval(op->b, point);
  switch (op->kind) {
    case ExprKind::kAdd:
      return a + b;
    case ExprKind::kSub:
      return a - b;
    case ExprKind::kMul:
      return a * b;
    case ExprKind::kDiv:
      return a / b;
    case ExprKind::kMod:
      return a % b;
    case ExprKind::kFloorDiv:
      return ir::FloorDivInt(a, b);
    case ExprKind::kFloorMod:
      return ir::FloorModInt(a, b);
    case ExprKind::kMin:
      return a < b ? a : b;
    case ExprKind::kMax:
      return a > b ? a : b;
    case ExprKind::kEQ:
      return a == b;
    case ExprKind::kNE:
      return a != b;
    case ExprKind::kLT:
      return a < b;
    case ExprKind::kLE:
      return a <= b;
    case ExprKind::kGT:
      return a > b;
    case ExprKind::kGE:
      return a >= b;
    case ExprKind::kAnd:
      return a != 0 && b != 0;
    case ExprKind::kOr:
      return a != 0 || b != 0;
    default:
      HONE_CHECK(false) << "unexpected expression kind " << static_cast<int>(e.kind());
  }
  return 0;
}

// `e` as text, for messages.
inline std::string Text(ir::Expr e) {
  if (const auto* imm = e.as<ir::IntImmNode>()) return std::to_string(imm->value);
  if (const auto* var = e.as<ir::VarNode>()) return std::string(var->name);
  static constexpr const char* kOps[] = {"+",  "-",  "*", "/",  "rem", "//", "%",   "min", "max",
                                         "==", "!=", "<", "<=", ">",   ">=", "and", "or"};
  if (const auto* op = e.as<ir::BinaryNode>()) {
    const int at = static_cast<int>(op->kind) - static_cast<int>(ir::ExprKind::kAdd);
    return "(" + Text(op->a) + " " + kOps[at] + " " + Text(op->b) + ")";
  }
  return "?";
}

// Calls `f` with every point of the box (literal ranges), last variable fastest.
template <typename F>
void ForEachPoint(IterDomains domains, F&& f) {
  Point point;
  for (const IterDomain& domain : domains) {
    point.vars.push_back(domain.var.get());
    point.values.push_back(*ir::ConstInt(domain.range.min));
    if (*ir::ConstInt(domain.range.extent) <= 0) return;
  }
  for (;;) {
    f(point);
    size_t i = domains.size();
    for (; i > 0; --i) {
      const int64_t min = *ir::ConstInt(domains[i - 1].range.min);
      if (++point.values[i - 1] < min + *ir::ConstInt(domains[i - 1].range.extent)) break;
      point.values[i - 1] = min;
    }
    if (i == 0) return;
  }
}

}  // namespace hone::arith::testing
