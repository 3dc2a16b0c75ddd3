// Sets of integers as intervals whose ends are expressions, and the evaluation of expressions over them.
#pragma once

#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "common/ir/buffer.h"
#include "common/ir/expr.h"

namespace hone::arith {

class Analyzer;

// A value: an inclusive interval [min, max] with symbolic or infinite ends, or nothing. For vectors the ends are
// scalars that bound every lane. An interval may turn out empty for some values of its symbols.
class IntSet {
 public:
  // Everything.
  IntSet() = default;

  static IntSet Everything() { return IntSet(); }
  static IntSet Nothing();
  // Null `min` is minus infinity, null `max` plus infinity. Both ends of the same node make a single point.
  static IntSet Interval(ir::Expr min, ir::Expr max);
  static IntSet SinglePoint(ir::Expr point) { return Interval(point, point); }
  // [min, min + extent - 1], a single point when the extent is the literal 1.
  static IntSet FromRange(const ir::Range& range);
  static IntSet FromMinExtent(ir::Expr min, ir::Expr extent) { return FromRange(ir::Range{min, extent}); }
  // The interval of a vector (its lanes); a single point for scalars.
  static IntSet Vector(ir::Expr value);

  // Null when infinite (or the set is nothing).
  ir::Expr min() const { return min_; }
  ir::Expr max() const { return max_; }
  bool HasLowerBound() const { return static_cast<bool>(min_); }
  bool HasUpperBound() const { return static_cast<bool>(max_); }
  bool IsNothing() const { return nothing_; }
  bool IsEverything() const { return !nothing_ && !min_ && !max_; }
  // Both ends are finite.
  bool IsBounded() const { return min_ && max_; }
  // Both ends are the same node.
  bool IsSinglePoint() const { return min_ && min_ == max_; }
  // Both ends are provably equal.
  bool CanProveSinglePoint(Analyzer& analyzer) const;
  bool CanProvePositive(Analyzer& analyzer) const;
  bool CanProveNegative(Analyzer& analyzer) const;
  bool CanProveNonPositive(Analyzer& analyzer) const;
  bool CanProveNonNegative(Analyzer& analyzer) const;
  // The single point; null when there is none.
  ir::Expr PointValue() const { return IsSinglePoint() ? min_ : ir::Expr(); }

  // The interval as a range (min, simplified max + 1 - min); a single point has the extent 1. Where an end is missing:
  // `fallback`.
  ir::Range CoverRange(const ir::Range& fallback) const;
  ir::Range CoverRange(const ir::Range& fallback, Analyzer& analyzer) const;
  // Same nodes at both ends.
  bool same_as(const IntSet& other) const {
    return min_ == other.min_ && max_ == other.max_ && nothing_ == other.nothing_;
  }

 private:
  ir::Expr min_;
  ir::Expr max_;
  bool nothing_ = false;
};

// Domains of variables: a flat list, searched from the front. Small (the loops around a statement).
class DomMap {
 public:
  DomMap() = default;
  // Replaces an earlier domain of `var`.
  void Set(ir::Var var, IntSet set);
  void Set(ir::Var var, const ir::Range& range) { Set(var, IntSet::FromRange(range)); }
  void Erase(ir::Var var);
  // Null when absent.
  const IntSet* Find(const ir::VarNode* var) const {
    for (const auto& [key, set] : items_) {
      if (key == var) return &set;
    }
    return nullptr;
  }
  const IntSet* Find(ir::Var var) const { return Find(var.get()); }
  bool Contains(const ir::VarNode* var) const { return Find(var) != nullptr; }
  bool empty() const { return items_.empty(); }
  size_t size() const { return items_.size(); }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }

 private:
  absl::InlinedVector<std::pair<const ir::VarNode*, IntSet>, 8> items_;
};

// The hull of all sets; nothing for none. With ends that cannot be ordered: min(...) and max(...) of them.
IntSet Union(absl::Span<const IntSet> sets);
IntSet Union(const IntSet& a, const IntSet& b, Analyzer& analyzer);
// The hull of the first set and those that provably touch or overlap what is gathered so far; others are left out. So
// every point of the result is in some set, if the sets are exact.
IntSet UnionLowerBound(absl::Span<const IntSet> sets, Analyzer& analyzer);
IntSet Intersect(absl::Span<const IntSet> sets);
IntSet Intersect(const IntSet& a, const IntSet& b, Analyzer& analyzer);

// A set that holds every value of `e` when the variables range over `domains` (others stay symbolic) .
IntSet EvalSet(ir::Expr e, const DomMap& domains);
IntSet EvalSet(ir::Expr e, const DomMap& domains, Analyzer& analyzer);
// The same for every value of the range: [min of range.min, max of range.min + extent - 1].
IntSet EvalSet(const ir::Range& range, const DomMap& domains);
IntSet EvalSet(const ir::Range& range, const DomMap& domains, Analyzer& analyzer);
IntSet EvalSet(const IntSet& set, const DomMap& domains, Analyzer& analyzer);

// Regions: one set a dimension.
using NDIntSet = absl::InlinedVector<IntSet, 4>;
NDIntSet NDIntSetFromRegion(ir::Array<ir::Range> region);
NDIntSet NDIntSetFromPoint(absl::Span<const ir::Expr> indices);
NDIntSet EvalNDIntSet(ir::Array<ir::Range> region, const DomMap& domains, Analyzer& analyzer);
NDIntSet EvalNDIntSet(const NDIntSet& sets, const DomMap& domains, Analyzer& analyzer);
// Widens `into` by `other`; an empty `into` becomes `other`.
void UnionWith(NDIntSet& into, const NDIntSet& other, Analyzer& analyzer);
// Dimension by dimension; all have the same rank and there is at least one.
NDIntSet UnionNDIntSets(absl::Span<const NDIntSet> sets);
// Regions [sets] dimension by dimension; a lower bound of their union (UnionLowerBound).
NDIntSet UnionNDIntSetsLowerBound(absl::Span<const NDIntSet> sets, Analyzer& analyzer);

}  // namespace hone::arith
