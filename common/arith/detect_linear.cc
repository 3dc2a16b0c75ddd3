#include "common/arith/detect_linear.h"

#include "common/arith/analyzer.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"

namespace hone::arith {

using ir::Expr;
using ir::ExprKind;
using ir::Var;

namespace {

// coefficient * var + rest; a null part is zero.
struct Linear {
  Expr coefficient;
  Expr rest;
};

Expr AddParts(Expr a, Expr b) { return !a ? b : !b ? a : ir::Add(a, b); }
Expr SubParts(Expr a, Expr b) {
  if (!b) return a;
  return ir::Sub(a ? a : ir::IntImm(b.dtype(), 0), b);
}

std::optional<Linear> Detect(Expr e, Var var) {
  if (e == var) return Linear{ir::IntImm(e.dtype(), 1), {}};
  if (!ir::UsesVar(e, var)) return Linear{{}, e};
  const auto* op = e.as<ir::BinaryNode>();
  if (op == nullptr) return std::nullopt;
  switch (op->kind) {
    case ExprKind::kAdd:
    case ExprKind::kSub: {
      const auto a = Detect(op->a, var);
      const auto b = a ? Detect(op->b, var) : std::nullopt;
      if (!b) return std::nullopt;
      if (op->kind == ExprKind::kAdd) {
        return Linear{AddParts(a->coefficient, b->coefficient), AddParts(a->rest, b->rest)};
      }
      return Linear{SubParts(a->coefficient, b->coefficient), SubParts(a->rest, b->rest)};
    }
    case ExprKind::kMul: {
      const bool left = ir::UsesVar(op->a, var);
      const Expr factor = left ? op->b : op->a;
      if (ir::UsesVar(factor, var)) return std::nullopt;
      const auto a = Detect(left ? op->a : op->b, var);
      if (!a) return std::nullopt;
      return Linear{a->coefficient ? ir::Mul(a->coefficient, factor) : Expr(),
                    a->rest ? ir::Mul(a->rest, factor) : Expr()};
    }
    default:
      return std::nullopt;
  }
}

template <typename F>
bool AllConjuncts(Expr condition, F&& f) {
  const auto* both = condition.as<ir::AndNode>();
  if (both != nullptr) return AllConjuncts(both->a, f) && AllConjuncts(both->b, f);
  const auto* call = condition.as<ir::CallNode>();
  if (call != nullptr && call->Is(ir::Builtin::likely)) return AllConjuncts(call->args[0], f);
  return f(condition);
}

// Tightens the interval of the one variable that `condition` bounds.
bool Clip(Expr condition, absl::Span<const Var> vars, std::vector<IntSet>& bounds, Analyzer& analyzer) {
  const auto* op = condition.as<ir::BinaryNode>();
  if (op == nullptr || !ir::IsComparison(op->kind) || !op->a.dtype().is_index()) return false;
  size_t index = vars.size();
  for (size_t i = 0; i < vars.size(); ++i) {
    if (!ir::UsesVar(condition, vars[i])) continue;
    if (index != vars.size()) return false;
    index = i;
  }
  if (index == vars.size()) return true;  // About none of them.
  // difference <= 0 (or == 0).
  Expr difference;
  const Expr one = ir::IntImm(op->a.dtype(), 1);
  switch (op->kind) {
    case ExprKind::kLT:
      difference = ir::Add(ir::Sub(op->a, op->b), one);
      break;
    case ExprKind::kLE:
    case ExprKind::kEQ:
      difference = ir::Sub(op->a, op->b);
      break;
    case ExprKind::kGT:
      difference = ir::Add(ir::Sub(op->b, op->a), one);
      break;
    case ExprKind::kGE:
      difference = ir::Sub(op->b, op->a);
      break;
    default:
      return false;
  }
  const auto linear = Detect(difference, vars[index]);
  if (!linear || !linear->coefficient) return false;
  const Expr coefficient = analyzer.Simplify(linear->coefficient);
  const Expr rest = linear->rest ? linear->rest : ir::IntImm(difference.dtype(), 0);
  const bool rises = ir::IsConstInt(coefficient, 1);
  if (!rises && !ir::IsConstInt(coefficient, -1)) return false;
  const Expr limit = analyzer.Simplify(rises ? ir::Sub(ir::IntImm(rest.dtype(), 0), rest) : rest);
  IntSet set = rises ? IntSet::Interval({}, limit) : IntSet::Interval(limit, {});
  if (op->kind == ExprKind::kEQ) set = IntSet::SinglePoint(limit);
  bounds[index] = Intersect(bounds[index], set, analyzer);
  return true;
}

}  // namespace

std::optional<std::vector<Expr>> DetectLinear(Expr e, absl::Span<const Var> vars) {
  std::vector<Expr> out;
  Analyzer analyzer;
  for (Var var : vars) {
    const auto linear = Detect(e, var);
    if (!linear) return std::nullopt;
    out.push_back(analyzer.Simplify(linear->coefficient ? linear->coefficient : ir::IntImm(var.dtype(), 0)));
    e = linear->rest ? linear->rest : ir::IntImm(e.dtype(), 0);
  }
  for (Expr coefficient : out) {
    for (Var var : vars) {
      if (ir::UsesVar(coefficient, var)) return std::nullopt;
    }
  }
  out.push_back(analyzer.Simplify(e));
  return out;
}

std::optional<std::vector<IntSet>> DetectClipBound(Expr condition, absl::Span<const Var> vars) {
  std::vector<IntSet> bounds(vars.size());
  Analyzer analyzer;
  const bool all = AllConjuncts(condition, [&](Expr e) { return Clip(e, vars, bounds, analyzer); });
  if (!all) return std::nullopt;
  return bounds;
}

}  // namespace hone::arith
