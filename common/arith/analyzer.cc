#include "common/arith/analyzer.h"

#include "common/arith/canonical_simplify.h"
#include "common/arith/deep_equal.h"
#include "common/arith/inf_int.h"
#include "common/arith/rewrite_simplify.h"
#include "common/ir/visitor.h"

namespace hone::arith {

using ir::Expr;
using ir::ExprKind;
using ir::Range;
using ir::Var;

Analyzer::VarInfo& Analyzer::InfoOf(const ir::VarNode* var) {
  for (VarInfo& info : vars_) {
    if (info.var == var) return info;
  }
  VarInfo info;
  info.var = var;
  info.bound = ConstIntBound::Everything(var->dtype);
  if (var->is_size_var) info.bound.min_value = 0;
  vars_.push_back(info);
  return vars_.back();
}

Analyzer::VarInfo& Analyzer::Renew(const ir::VarNode* var) {
  for (VarInfo& info : vars_) {
    if (info.var != var) continue;
    Forget(var);
    return info;
  }
  return InfoOf(var);
}

void Analyzer::Bind(Var var, const Range& range) {
  if (ir::IsOne(range.extent)) return Bind(var, range.min);
  const ConstIntBound min = const_int_bound(range.min);
  const ConstIntBound extent = const_int_bound(range.extent);
  VarInfo& info = Renew(var.get());
  info.bound = {min.min_value, InfAdd(min.max_value, InfAdd(extent.max_value, -1))};
  info.modular = {};
  info.value = {};
  info.range = range;
  if (!IsConst(range.extent)) {
    AddOrderFact(var, ir::Add(range.min, range.extent), -1);
  }
  if (!IsConst(range.min)) AddOrderFact(range.min, var, 0);
}

void Analyzer::Bind(Var var, Expr value) {
  if (value.dtype() != var.dtype()) value = ir::Cast(var.dtype(), value);
  const Expr simple = IsConst(value) ? value : RewriteSimplify(CanonicalSimplify(value));
  const ConstIntBound bound = const_int_bound(simple);
  const ModularSet modular = modular_set(simple);
  VarInfo& info = Renew(var.get());
  info.bound = bound;
  info.modular = modular;
  info.value = simple;
  info.range = {};
}

void Analyzer::Bind(Var var, ConstIntBound bound) {
  VarInfo& info = Renew(var.get());
  info.bound = bound;
  info.modular = {};
  info.value = {};
  info.range = {};
}

Expr Analyzer::RewriteSimplify(Expr e) {
  if (!e) return e;
  RewriteSimplifier simplifier(*this);
  for (int i = 0; i < 2; ++i) {
    const Expr out = simplifier.Visit(e);
    if (out == e) break;
    e = out;
  }
  return e;
}

Expr Analyzer::CanonicalSimplify(Expr e) {
  if (!e) return e;
  CanonicalSimplifier simplifier(*this);
  const Expr out = simplifier.Visit(e);
  return simplifier.overflow() ? e : out;
}

Expr Analyzer::Simplify(Expr e, int steps) {
  if (!e) return e;
  if (steps % 2 == 0) {
    if (const Expr linear = RewriteSimplifier::CanonicalLinear(*this, e)) return linear;
  }
  Expr out = CanonicalSimplify(e);
  for (int i = 0; i < steps; ++i) {
    if (IsConst(out) || out.kind() == ExprKind::kVar) return out;
    const Expr next = i % 2 == 0 ? RewriteSimplify(out) : CanonicalSimplify(out);
    // What rewriting leaves alone is in canonical form already.
    if (next == out) break;
    out = next;
  }
  return DeepEqual(out, e) ? e : out;
}

bool Analyzer::CanProveGreaterEqual(Expr e, int64_t lower_bound) {
  if (IsConst(e)) return ConstOfNode(e) >= lower_bound;
  if (const_int_bound(e).min_value >= lower_bound) return true;
  const Expr simple = Simplify(e);
  return simple != e && const_int_bound(simple).min_value >= lower_bound;
}

bool Analyzer::CanProveLess(Expr e, int64_t upper_bound) {
  if (IsConst(e)) return ConstOfNode(e) < upper_bound;
  if (const_int_bound(e).max_value < upper_bound) return true;
  const Expr simple = Simplify(e);
  return simple != e && const_int_bound(simple).max_value < upper_bound;
}

bool Analyzer::CanProveEqual(Expr a, Expr b) {
  if (a == b) return true;
  const int64_t* x = ir::ConstInt(a);
  const int64_t* y = ir::ConstInt(b);
  if (x != nullptr && y != nullptr) return *x == *y;
  if (a.dtype().is_handle() || b.dtype().is_handle()) return false;
  if (DeepEqual(a, b)) return ir::SideEffect(a) <= ir::CallEffect::kReadState;
  if (!a.dtype().is_index() || !b.dtype().is_index()) return CanProve(ir::EQ(a, b));
  const Expr difference = Simplify(ir::Sub(a, b));
  return ir::IsZero(difference) || const_int_bound(difference).is_const(0);
}

bool Analyzer::CanProve(Expr condition, ProofStrength strength) {
  if (IsConst(condition)) return ConstOfNode(condition) != 0;
  const Expr simple = Simplify(condition);
  if (IsConst(simple)) return ConstOfNode(simple) != 0;
  if (strength < ProofStrength::kSymbolicBound) return false;
  const auto* op = condition.as<ir::BinaryNode>();
  if (op == nullptr || !op->a.dtype().is_index()) return false;
  Expr difference;
  int64_t least = 0;
  switch (op->kind) {
    case ExprKind::kLT:
      difference = ir::Sub(op->b, op->a);
      least = 1;
      break;
    case ExprKind::kLE:
      difference = ir::Sub(op->b, op->a);
      break;
    case ExprKind::kGT:
      difference = ir::Sub(op->a, op->b);
      least = 1;
      break;
    case ExprKind::kGE:
      difference = ir::Sub(op->a, op->b);
      break;
    default:
      return false;
  }
  const IntSet set = int_set(Simplify(difference));
  return set.HasLowerBound() && const_int_bound(Simplify(set.min())).min_value >= least;
}

CompareResult Analyzer::Compare(Expr a, Expr b) {
  const CompareResult by_facts = facts_.empty() ? CompareResult::kUnknown : CompareByFacts(a, b);
  const Expr difference = Simplify(ir::Sub(a, b));
  int result = static_cast<int>(by_facts);
  const ConstIntBound bound = const_int_bound(difference);
  if (bound.min_value > bound.max_value) return CompareResult::kUnknown;
  if (bound.min_value > 0) result &= static_cast<int>(CompareResult::kGT);
  if (bound.min_value >= 0) result &= static_cast<int>(CompareResult::kGE);
  if (bound.max_value < 0) result &= static_cast<int>(CompareResult::kLT);
  if (bound.max_value <= 0) result &= static_cast<int>(CompareResult::kLE);
  if (modular_set(difference).base != 0) result &= static_cast<int>(CompareResult::kNE);
  return static_cast<CompareResult>(result);
}

IntSet Analyzer::int_set(Expr e, const DomMap& domains) { return EvalSet(e, domains, *this); }

Expr Simplify(Expr e, int steps) {
  Analyzer analyzer;
  return analyzer.Simplify(e, steps);
}

}  // namespace hone::arith
