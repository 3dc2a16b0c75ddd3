#include "common/arith/deduce_bound.h"

#include "common/arith/analyzer.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"

namespace hone::arith {

using ir::Expr;
using ir::ExprKind;
using ir::Var;

namespace {

Expr Int(Expr like, int64_t value) { return ir::IntImm(like.dtype(), value); }

// Brings e <= limit (or e >= limit) to a limit of `var`.
class Solver {
 public:
  Solver(Var var, Analyzer& analyzer) : var_(var), analyzer_(analyzer) {}

  IntSet Solve(Expr e, Expr limit, bool upper) {
    if (e == var_) {
      limit = analyzer_.Simplify(limit);
      return upper ? IntSet::Interval({}, limit) : IntSet::Interval(limit, {});
    }
    const auto* op = e.as<ir::BinaryNode>();
    if (op == nullptr || !e.dtype().is_index()) return IntSet::Nothing();
    const bool left = ir::UsesVar(op->a, var_);
    const bool right = ir::UsesVar(op->b, var_);
    if (left == right) return IntSet::Nothing();
    switch (op->kind) {
      case ExprKind::kAdd:
        return left ? Solve(op->a, ir::Sub(limit, op->b), upper) : Solve(op->b, ir::Sub(limit, op->a), upper);
      case ExprKind::kSub:
        return left ? Solve(op->a, ir::Add(limit, op->b), upper) : Solve(op->b, ir::Sub(op->a, limit), !upper);
      case ExprKind::kMul: {
        const Expr inner = left ? op->a : op->b;
        const Expr factor = left ? op->b : op->a;
        if (analyzer_.CanProveGreaterEqual(factor, 1)) return Solve(inner, Divide(limit, factor, upper), upper);
        if (analyzer_.CanProveLess(factor, 0)) {
          const Expr positive = ir::Sub(Int(factor, 0), factor);
          return Solve(inner, Divide(ir::Sub(Int(limit, 0), limit), positive, !upper), !upper);
        }
        return IntSet::Nothing();
      }
      case ExprKind::kFloorDiv: {
        if (!left || !analyzer_.CanProveGreaterEqual(op->b, 1)) return IntSet::Nothing();
        // x // d <= l is x <= l * d + d - 1; x // d >= l is x >= l * d.
        const Expr scaled = ir::Mul(limit, op->b);
        return Solve(op->a, upper ? ir::Add(scaled, ir::Sub(op->b, Int(limit, 1))) : scaled, upper);
      }
      default:
        return IntSet::Nothing();
    }
  }

 private:
  // Rounded inward: down for an upper limit, up for a lower one.
  static Expr Divide(Expr limit, Expr factor, bool upper) {
    if (upper) return ir::FloorDiv(limit, factor);
    return ir::FloorDiv(ir::Add(limit, ir::Sub(factor, Int(factor, 1))), factor);
  }

  Var var_;
  Analyzer& analyzer_;
};

// The values of `var` with difference <= 0 for all relaxed values.
IntSet SolveDifference(Var var, Expr difference, const DomMap& relaxed, Analyzer& analyzer) {
  const IntSet set = EvalSet(analyzer.Simplify(difference), relaxed, analyzer);
  if (set.IsNothing() || !set.HasUpperBound()) return IntSet::Nothing();
  const Expr worst = analyzer.Simplify(set.max());
  for (const auto& [other, domain] : relaxed) {
    if (ir::UsesVar(worst, Var(other))) return IntSet::Nothing();
  }
  return Solver(var, analyzer).Solve(worst, Int(worst, 0), /*upper=*/true);
}

}  // namespace

IntSet DeduceBound(Var var, Expr condition, const DomMap& relaxed, Analyzer& analyzer) {
  if (const auto* call = condition.as<ir::CallNode>(); call != nullptr && call->Is(ir::Builtin::likely)) {
    return DeduceBound(var, call->args[0], relaxed, analyzer);
  }
  const auto* op = condition.as<ir::BinaryNode>();
  if (op == nullptr || !ir::IsComparison(op->kind) || !op->a.dtype().is_index() || relaxed.Contains(var.get())) {
    return IntSet::Nothing();
  }
  auto solve = [&](Expr difference) { return SolveDifference(var, difference, relaxed, analyzer); };
  const Expr one = Int(op->a, 1);
  switch (op->kind) {
    case ExprKind::kLT:
      return solve(ir::Add(ir::Sub(op->a, op->b), one));
    case ExprKind::kLE:
      return solve(ir::Sub(op->a, op->b));
    case ExprKind::kGT:
      return solve(ir::Add(ir::Sub(op->b, op->a), one));
    case ExprKind::kGE:
      return solve(ir::Sub(op->b, op->a));
    case ExprKind::kEQ: {
      const IntSet below = solve(ir::Sub(op->a, op->b));
      const IntSet above = solve(ir::Sub(op->b, op->a));
      if (below.IsNothing() || above.IsNothing()) return IntSet::Nothing();
      return Intersect(below, above, analyzer);
    }
    default:
      return IntSet::Nothing();
  }
}

IntSet DeduceBound(Var var, Expr condition, const DomMap& relaxed) {
  Analyzer analyzer;
  return DeduceBound(var, condition, relaxed, analyzer);
}

}  // namespace hone::arith
