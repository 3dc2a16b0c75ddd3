#include "common/arith/conditional_bounds.h"

#include "common/ir/ops.h"
#include "common/ir/visitor.h"

namespace hone::arith {

using ir::BinaryNode;
using ir::Expr;
using ir::ExprKind;
using ir::Var;

namespace {

// coefficient * var + rest, where rest is free of `var`.
struct Linear {
  int64_t coefficient = 0;
  Expr rest;
};

bool AsLinear(Expr e, Var var, Linear* out) {
  if (e == var) {
    *out = {1, ir::ConstOf(e.dtype(), 0)};
    return true;
  }
  if (!ir::UsesVar(e, var)) {
    *out = {0, e};
    return true;
  }
  const auto* op = e.as<BinaryNode>();
  if (op == nullptr) return false;
  Linear a, b;
  if (!AsLinear(op->a, var, &a) || !AsLinear(op->b, var, &b)) return false;
  switch (op->kind) {
    case ExprKind::kAdd:
      *out = {a.coefficient + b.coefficient, a.rest + b.rest};
      return true;
    case ExprKind::kSub:
      *out = {a.coefficient - b.coefficient, a.rest - b.rest};
      return true;
    case ExprKind::kMul: {
      if (a.coefficient == 0) std::swap(a, b);
      const int64_t* factor = ir::ConstInt(b.rest);
      if (b.coefficient != 0 || factor == nullptr) return false;
      *out = {a.coefficient * *factor, a.rest * *factor};
      return true;
    }
    default:
      return false;
  }
}

bool IsSimple(Expr e) {
  bool simple = true;
  ir::PostOrderVisitExprs(e, [&](Expr sub) {
    switch (sub.kind()) {
      case ExprKind::kVar:
      case ExprKind::kIntImm:
      case ExprKind::kAdd:
      case ExprKind::kSub:
      case ExprKind::kMul:
      case ExprKind::kFloorDiv:
      case ExprKind::kFloorMod:
        simple &= sub.dtype().is_int();
        break;
      default:
        simple = false;
    }
  });
  return simple;
}

}  // namespace

ConditionalBounds::ConditionalBounds(Expr condition, bool holds, DomMap& domains, Analyzer& analyzer)
    : domains_(domains), analyzer_(analyzer) {
  if (domains_.empty()) return;
  Narrow(holds ? condition : analyzer_.Simplify(ir::Not(condition)));
}

ConditionalBounds::~ConditionalBounds() {
  for (size_t i = saved_.size(); i-- > 0;) domains_.Set(saved_[i].first, saved_[i].second);
}

void ConditionalBounds::Narrow(Expr condition) {
  if (condition.kind() == ExprKind::kAnd) {
    const auto* op = condition.as<BinaryNode>();
    Narrow(op->a);
    Narrow(op->b);
  } else if (const auto* call = condition.as<ir::CallNode>()) {
    if (call->Is(ir::Builtin::likely)) Narrow(call->args[0]);
  } else if (ir::IsComparison(condition.kind()) && condition.kind() != ExprKind::kNE) {
    NarrowBy(condition.as<BinaryNode>());
  }
}

void ConditionalBounds::NarrowBy(const BinaryNode* comparison) {
  if (!IsSimple(comparison->a) || !IsSimple(comparison->b)) return;
  const Expr difference = comparison->a - comparison->b;
  absl::InlinedVector<Var, 4> vars;
  for (const auto& [var, set] : domains_) {
    if (ir::UsesVar(difference, Var(var))) vars.push_back(Var(var));
  }
  if (vars.size() != 1) return;
  const Var var = vars[0];
  Linear linear;
  if (!AsLinear(difference, var, &linear) || linear.coefficient == 0) return;
  // coefficient * var + rest <compared with> 0
  const bool flipped = linear.coefficient < 0;
  const int64_t factor = flipped ? -linear.coefficient : linear.coefficient;
  const Expr zero = ir::ConstOf(var->dtype, 0);
  const Expr value = flipped ? linear.rest : zero - linear.rest;  // factor * var <compared with> value
  const ExprKind kind = comparison->kind;
  const bool less = (kind == ExprKind::kLT || kind == ExprKind::kLE) != flipped;
  const bool strict = kind == ExprKind::kLT || kind == ExprKind::kGT;
  const Expr upper = analyzer_.Simplify(ir::FloorDiv(strict ? value - 1 : value, factor));
  const Expr lower = analyzer_.Simplify(ir::FloorDiv((strict ? value + 1 : value) + (factor - 1), factor));
  if (kind == ExprKind::kEQ) {
    Intersect(var, IntSet::Interval(lower, upper));
  } else {
    Intersect(var, less ? IntSet::Interval(Expr(), upper) : IntSet::Interval(lower, Expr()));
  }
}

void ConditionalBounds::Intersect(Var var, const IntSet& set) {
  const IntSet old = *domains_.Find(var);
  saved_.push_back({var, old});
  const IntSet both = arith::Intersect(old, set, analyzer_);
  if (!both.IsNothing()) domains_.Set(var, both);
}

}  // namespace hone::arith
