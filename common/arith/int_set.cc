#include "common/arith/int_set.h"

#include <algorithm>

#include "common/arith/analyzer.h"
#include "common/arith/deep_equal.h"
#include "common/arith/rewrite_simplify.h"
#include "common/ir/ops.h"

namespace hone::arith {

using ir::Array;
using ir::Expr;
using ir::ExprKind;
using ir::Range;
using ir::Var;

IntSet IntSet::Nothing() {
  IntSet out;
  out.nothing_ = true;
  return out;
}

IntSet IntSet::Interval(Expr min, Expr max) {
  IntSet out;
  out.min_ = min;
  out.max_ = max;
  return out;
}

IntSet IntSet::FromRange(const Range& range) {
  if (ir::IsOne(range.extent)) return SinglePoint(range.min);
  const Expr end = ir::Add(range.min, range.extent);
  return Interval(range.min, ir::Sub(end, ir::ConstOf(end.dtype(), 1)));
}

IntSet IntSet::Vector(Expr value) { return value.dtype().is_vector() ? EvalSet(value, DomMap()) : SinglePoint(value); }

bool IntSet::CanProveSinglePoint(Analyzer& analyzer) const {
  return IsSinglePoint() || (IsBounded() && analyzer.CanProveEqual(min_, max_));
}
bool IntSet::CanProvePositive(Analyzer& analyzer) const {
  return HasLowerBound() && analyzer.CanProveGreaterEqual(min_, 1);
}
bool IntSet::CanProveNegative(Analyzer& analyzer) const { return HasUpperBound() && analyzer.CanProveLess(max_, 0); }
bool IntSet::CanProveNonPositive(Analyzer& analyzer) const { return HasUpperBound() && analyzer.CanProveLess(max_, 1); }
bool IntSet::CanProveNonNegative(Analyzer& analyzer) const {
  return HasLowerBound() && analyzer.CanProveGreaterEqual(min_, 0);
}

Range IntSet::CoverRange(const Range& fallback) const {
  Analyzer analyzer;
  return CoverRange(fallback, analyzer);
}

Range IntSet::CoverRange(const Range& fallback, Analyzer& analyzer) const {
  if (!IsBounded()) return fallback;
  if (IsSinglePoint()) return Range{min_, ir::ConstOf(min_.dtype(), 1)};
  return Range{min_, analyzer.Simplify(ir::Sub(ir::Add(max_, ir::ConstOf(max_.dtype(), 1)), min_))};
}

void DomMap::Set(Var var, IntSet set) {
  for (auto& [key, value] : items_) {
    if (key == var.get()) {
      value = set;
      return;
    }
  }
  items_.emplace_back(var.get(), set);
}

void DomMap::Erase(Var var) {
  for (auto it = items_.begin(); it != items_.end(); ++it) {
    if (it->first == var.get()) {
      items_.erase(it);
      return;
    }
  }
}

namespace {

// Both ends through Simplify; a single point stays one.
IntSet SimplifyEnds(const IntSet& set, Analyzer& analyzer) {
  if (set.IsNothing()) return set;
  if (set.IsSinglePoint()) return IntSet::SinglePoint(analyzer.Simplify(set.min()));
  return IntSet::Interval(analyzer.Simplify(set.min()), analyzer.Simplify(set.max()));
}

IntSet Hull(const IntSet& a, const IntSet& b) {
  if (a.IsNothing()) return b;
  if (b.IsNothing()) return a;
  if (a.same_as(b)) return a;
  return IntSet::Interval(a.min() && b.min() ? ir::Min(a.min(), b.min()) : Expr(),
                          a.max() && b.max() ? ir::Max(a.max(), b.max()) : Expr());
}

}  // namespace

IntSet Union(absl::Span<const IntSet> sets) {
  if (sets.empty()) return IntSet::Nothing();
  if (sets.size() == 1) return sets[0];
  Analyzer analyzer;
  IntSet out = sets[0];
  for (size_t i = 1; i < sets.size(); ++i) out = Hull(out, sets[i]);
  return SimplifyEnds(out, analyzer);
}

IntSet Union(const IntSet& a, const IntSet& b, Analyzer& analyzer) { return SimplifyEnds(Hull(a, b), analyzer); }

IntSet UnionLowerBound(absl::Span<const IntSet> sets, Analyzer& analyzer) {
  if (sets.empty()) return IntSet::Nothing();
  IntSet out = IntSet::Nothing();
  // True when `b` starts at most one after the end of `a`.
  auto reaches = [&](const IntSet& a, const IntSet& b) {
    return !a.max() || !b.min() ||
           analyzer.CanProve(ir::LE(b.min(), ir::Add(a.max(), ir::ConstOf(a.max().dtype(), 1))));
  };
  for (const IntSet& set : sets) {
    if (set.IsNothing()) continue;
    if (out.IsNothing()) {
      out = set;
    } else if (reaches(out, set) && reaches(set, out)) {
      out = Hull(out, set);
    }
  }
  return out;
}

IntSet Intersect(const IntSet& a, const IntSet& b, Analyzer& analyzer) {
  if (a.IsNothing() || a.same_as(b)) return a;
  if (b.IsNothing()) return b;
  const Expr min = !a.min() ? b.min() : !b.min() ? a.min() : ir::Max(a.min(), b.min());
  const Expr max = !a.max() ? b.max() : !b.max() ? a.max() : ir::Min(a.max(), b.max());
  const Expr low = analyzer.Simplify(min);
  const Expr high = analyzer.Simplify(max);
  if (low && high && analyzer.CanProve(ir::LT(high, low))) return IntSet::Nothing();
  if (low && high && DeepEqual(low, high)) return IntSet::SinglePoint(low);
  return IntSet::Interval(low, high);
}

IntSet Intersect(absl::Span<const IntSet> sets) {
  Analyzer analyzer;
  IntSet out;
  for (const IntSet& set : sets) out = Intersect(out, set, analyzer);
  return out;
}

NDIntSet NDIntSetFromRegion(Array<Range> region) {
  NDIntSet out;
  for (const Range& range : region) out.push_back(IntSet::FromRange(range));
  return out;
}

NDIntSet NDIntSetFromPoint(absl::Span<const Expr> indices) {
  NDIntSet out;
  for (Expr index : indices) out.push_back(IntSet::Vector(index));
  return out;
}

NDIntSet EvalNDIntSet(Array<Range> region, const DomMap& domains, Analyzer& analyzer) {
  NDIntSet out;
  for (const Range& range : region) out.push_back(EvalSet(range, domains, analyzer));
  return out;
}

NDIntSet EvalNDIntSet(const NDIntSet& sets, const DomMap& domains, Analyzer& analyzer) {
  NDIntSet out;
  for (const IntSet& set : sets) out.push_back(EvalSet(set, domains, analyzer));
  return out;
}

void UnionWith(NDIntSet& into, const NDIntSet& other, Analyzer& analyzer) {
  if (into.empty()) {
    into = other;
    return;
  }
  for (size_t i = 0; i < into.size(); ++i) into[i] = Union(into[i], other[i], analyzer);
}

NDIntSet UnionNDIntSets(absl::Span<const NDIntSet> sets) {
  NDIntSet out;
  absl::InlinedVector<IntSet, 4> column(sets.size());
  for (size_t dim = 0; dim < sets[0].size(); ++dim) {
    for (size_t i = 0; i < sets.size(); ++i) column[i] = sets[i][dim];
    out.push_back(Union(column));
  }
  return out;
}

NDIntSet UnionNDIntSetsLowerBound(absl::Span<const NDIntSet> sets, Analyzer& analyzer) {
  NDIntSet out;
  absl::InlinedVector<IntSet, 4> column(sets.size());
  for (size_t dim = 0; dim < sets[0].size(); ++dim) {
    for (size_t i = 0; i < sets.size(); ++i) column[i] = sets[i][dim];
    out.push_back(UnionLowerBound(column, analyzer));
  }
  return out;
}

}  // namespace hone::arith
