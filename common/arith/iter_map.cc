#include "common/arith/iter_map.h"

#include <algorithm>

#include "common/arith/iter_map_rewriter.h"
#include "common/arith/overlooked_predicate.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"

namespace hone::arith {

using ir::BinaryNode;
using ir::Expr;
using ir::ExprKind;

namespace {

bool UsesIter(Expr e, IterDomains iters) {
  if (e.kind() == ExprKind::kIntImm) return false;
  return ir::UsesVar(e, [&](ir::Var var) {
    for (const IterDomain& iter : iters) {
      if (iter.var == var) return true;
    }
    return false;
  });
}

// lower <= iter < upper; either bound may be null.
struct Constraint {
  Expr iter;
  Expr lower;
  Expr upper;
  int size;  // Nodes of `iter`.
};

int SizeOf(Expr e) {
  int size = 0;
  ir::PostOrderVisitExprs(e, [&](Expr) { ++size; });
  return size;
}

void CollectConjuncts(Expr predicate, absl::InlinedVector<Expr, 4>* out) {
  if (predicate.kind() == ExprKind::kAnd) {
    const auto* op = predicate.as<BinaryNode>();
    CollectConjuncts(op->a, out);
    CollectConjuncts(op->b, out);
  } else {
    out->push_back(predicate);
  }
}

// Adds the terms of a sum that use iterators to `with`, the others to `without`.
void SplitByUse(Expr e, bool negative, IterDomains iters, Expr* with, Expr* without) {
  if (e.kind() == ExprKind::kAdd || e.kind() == ExprKind::kSub) {
    const auto* op = e.as<BinaryNode>();
    SplitByUse(op->a, negative, iters, with, without);
    SplitByUse(op->b, negative != (e.kind() == ExprKind::kSub), iters, with, without);
    return;
  }
  Expr* sum = UsesIter(e, iters) ? with : without;
  *sum = negative ? *sum - e : *sum + e;
}

// Reads one comparison as bounds of an expression of iterators; false when it has another form. A condition free of
// iterators gives a null `iter`.
bool ParseConstraint(Expr condition, IterDomains iters, Analyzer& analyzer, Constraint* out) {
  const ExprKind kind = condition.kind();
  if (!ir::IsComparison(kind) || kind == ExprKind::kNE) return false;
  const auto* op = condition.as<BinaryNode>();
  Expr a = op->a;
  Expr b = op->b;
  if (!a.dtype().is_int() && !a.dtype().is_uint()) return false;
  const bool a_uses = UsesIter(a, iters);
  const bool b_uses = UsesIter(b, iters);
  if (!a_uses && !b_uses) return true;
  bool bound_on_left = !a_uses;
  if (a_uses && b_uses) {
    Expr with = ir::ConstOf(a.dtype(), 0);
    Expr without = ir::ConstOf(a.dtype(), 0);
    SplitByUse(a, false, iters, &with, &without);
    SplitByUse(b, true, iters, &with, &without);
    a = analyzer.Simplify(with);
    b = analyzer.Simplify(ir::ConstOf(a.dtype(), 0) - without);
  }
  const Expr iter = bound_on_left ? b : a;
  const Expr bound = bound_on_left ? a : b;
  const Expr one = ir::ConstOf(bound.dtype(), 1);
  const bool less = kind == ExprKind::kLT || kind == ExprKind::kLE;
  const bool with_equal = kind == ExprKind::kLE || kind == ExprKind::kGE;
  out->iter = iter;
  if (kind == ExprKind::kEQ) {
    out->lower = bound;
    out->upper = bound + one;
  } else if (less != bound_on_left) {
    out->upper = with_equal ? bound + one : bound;  // iter < bound, bound > iter
  } else {
    out->lower = with_equal ? bound : bound + one;
  }
  return true;
}

// Splits the predicate into constraints of composite iterators, sorted by size; bounds of single variables narrow
// `iters` at once.
bool ParsePredicate(Expr predicate, absl::InlinedVector<IterDomain, 8>* iters, Analyzer& analyzer,
                    std::vector<Constraint>* out) {
  absl::InlinedVector<Expr, 4> conjuncts;
  CollectConjuncts(predicate, &conjuncts);
  const IterDomains domains(*iters);
  for (Expr conjunct : conjuncts) {
    Constraint constraint{};
    if (!ParseConstraint(conjunct, domains, analyzer, &constraint)) return false;
    if (!constraint.iter) continue;
    if (constraint.iter.kind() != ExprKind::kVar) {
      constraint.size = SizeOf(constraint.iter);
      out->push_back(constraint);
      continue;
    }
    for (IterDomain& iter : *iters) {
      if (iter.var != constraint.iter) continue;
      Expr min = iter.range.min;
      Expr end = min + iter.range.extent;
      if (constraint.lower) min = ir::Max(min, constraint.lower);
      if (constraint.upper) end = ir::Min(end, constraint.upper);
      iter.range = {analyzer.Simplify(min), analyzer.Simplify(end - min)};
    }
  }
  std::stable_sort(out->begin(), out->end(), [](const Constraint& a, const Constraint& b) { return a.size < b.size; });
  return true;
}

// No iterator's range mentions an iterator.
bool RangesAreFree(IterDomains iters) {
  for (const IterDomain& iter : iters) {
    if (UsesIter(iter.range.min, iters) || UsesIter(iter.range.extent, iters)) return false;
  }
  return true;
}

}  // namespace

IterMapResult DetectIterMap(absl::Span<const Expr> indices, IterDomains iters, Expr predicate, IterMapLevel level,
                            Analyzer& analyzer, bool simplify_trivial_iterators) {
  return DetectIterMap(indices, iters, predicate, level, analyzer, simplify_trivial_iterators, nullptr);
}

IterMapResult DetectIterMap(absl::Span<const Expr> indices, IterDomains iters, Expr predicate, IterMapLevel level,
                            Analyzer& analyzer, bool simplify_trivial_iterators, bool* overlooks_predicate) {
  IterMapResult result;
  auto fail = [&](std::string_view why) {
    result.ok = false;
    result.indices.clear();
    result.error = why;
    return result;
  };
  if (!RangesAreFree(iters)) return fail("the range of an iterator uses another iterator");
  absl::InlinedVector<IterDomain, 8> domains;
  std::vector<Constraint> constraints;
  if (predicate && !ir::IsTrue(predicate)) {
    domains.assign(iters.begin(), iters.end());
    if (!ParsePredicate(predicate, &domains, analyzer, &constraints)) {
      return fail("the predicate is no conjunction of bounds of iterators");
    }
    iters = domains;
  }
  IterMapRewriter rewriter(iters, level, simplify_trivial_iterators, analyzer);
  for (const Constraint& constraint : constraints) {
    if (!rewriter.AddConstraint(constraint.iter, constraint.lower, constraint.upper)) return fail(rewriter.error());
  }
  if (!rewriter.CheckConstraints()) return fail("the constraints overlap in part");

  result.indices.resize(indices.size());
  const bool may_pad = level != IterMapLevel::kBijective;
  if (may_pad) {
    for (size_t i = 0; i < indices.size(); ++i) {
      if (!rewriter.RewriteAndNotePadding(indices[i], &result.indices[i])) return fail(rewriter.error());
    }
  }
  if (!may_pad || rewriter.requires_padding()) {
    for (size_t i = 0; i < indices.size(); ++i) {
      if (!rewriter.Rewrite(indices[i], &result.indices[i])) return fail(rewriter.error());
    }
  }
  if (!rewriter.CheckMapping(result.indices)) return fail(rewriter.error());
  result.padding_predicate = rewriter.padding_predicate();
  if (overlooks_predicate != nullptr) {
    *overlooks_predicate = !constraints.empty() && rewriter.OverlooksConstraint(result.indices);
  }
  result.ok = true;
  return result;
}

std::vector<Expr> IterMapSimplify(absl::Span<const Expr> indices, IterDomains iters, Expr predicate, IterMapLevel level,
                                  Analyzer& analyzer, bool simplify_trivial_iterators) {
  const bool has_predicate = predicate && !ir::IsTrue(predicate);
  IterMapResult map = DetectIterMap(indices, iters, predicate, level, analyzer, simplify_trivial_iterators);
  if (!map.ok && has_predicate && level != IterMapLevel::kBijective) {
    map = DetectIterMap(indices, iters, ir::BoolImm(true), level, analyzer, simplify_trivial_iterators);
  }
  std::vector<Expr> out(indices.begin(), indices.end());
  if (!map.ok) return out;
  for (size_t i = 0; i < out.size(); ++i) out[i] = NormalizeIterMapToExpr(map.indices[i], analyzer);
  return out;
}

Expr NormalizeIterMapToExpr(const IterSplit& split, Analyzer& analyzer) {
  const IterProver prove(analyzer);
  const IterMark& mark = *split.source;
  const Expr source = mark.sum != nullptr ? NormalizeIterMapToExpr(*mark.sum, analyzer) : mark.source;
  const Expr span = split.lower_factor * split.extent;
  if (ir::IsOne(split.lower_factor) && prove.Equal(split.extent, mark.extent)) return source * split.scale;
  if (prove.Equal(span, mark.extent)) {
    if (ir::IsOne(split.extent) && !ir::IsOne(mark.extent)) return ir::ConstOf(source.dtype(), 0);
    return ir::FloorDiv(source, split.lower_factor) * split.scale;
  }
  return ir::FloorDiv(ir::FloorMod(source, span), split.lower_factor) * split.scale;
}

Expr NormalizeIterMapToExpr(const IterSum& sum, Analyzer& analyzer) {
  Expr out = ir::ConstOf(sum.base.dtype(), 0);
  for (const IterSplit& split : sum.args) out = out + NormalizeIterMapToExpr(split, analyzer);
  return out + sum.base;
}

}  // namespace hone::arith
