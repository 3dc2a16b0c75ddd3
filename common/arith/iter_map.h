// Quasi-affine maps of iterators: index expressions rewritten as sums of splits (source // lower) % extent * scale of
// independent iterators, their simplification, inversion and division into an outer and an inner part.
#pragma once

#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "common/arith/analyzer.h"
#include "common/ir/expr.h"
#include "common/ir/mutator.h"

namespace hone::arith {

struct IterSum;

// An iterator with the values [0, extent): a variable (or variable - min), or a sum of splits of other marks. Identity
// is the node's address. Lives in the current arena.
struct IterMark {
  ir::Expr source;     // Null when the mark is a sum.
  const IterSum* sum;  // Null when the mark is an expression.
  ir::Expr extent;
};

// (source // lower_factor) % extent * scale
struct IterSplit {
  const IterMark* source;
  ir::Expr lower_factor;
  ir::Expr extent;
  ir::Expr scale;
};

// The sum of args, then + base, which is free of iterators.
struct IterSum {
  ir::Array<IterSplit> args;
  ir::Expr base;
};

enum class IterMapLevel {
  kBijective,  // Every iterator is used fully and exactly once; no padding.
  // The indices are independent and each is dense; iterators may stay unused, the terms of a sum may overlap
  // (h * 2 + r with r in [0, 3)), and padding is allowed.
  kSurjective,
  kNoCheck,  // The splits of a padded iterator need not be independent.
};

// A variable and its values [min, min + extent).
struct IterDomain {
  ir::Var var;
  ir::Range range;
};
using IterDomains = absl::Span<const IterDomain>;
using IterSums = absl::InlinedVector<IterSum, 4>;

struct IterMapResult {
  bool ok = false;
  IterSums indices;  // One an index, each with at most one split; empty when !ok.
  // True for the points of the padded iterators that no original iterator reaches; literal false without padding.
  ir::Expr padding_predicate;
  // Why it failed; a literal or a short text.
  std::string_view error;
};

// Rewrites `indices` over `iters`. The predicate's conjuncts of the form <expression of iters> < / <= / > / >= / ==
// <expression free of them> narrow the iterators; another form fails. The range of no iterator may mention another.
// With `simplify_trivial_iterators`, iterators of extent 1 become constants.
IterMapResult DetectIterMap(absl::Span<const ir::Expr> indices, IterDomains iters, ir::Expr predicate,
                            IterMapLevel level, Analyzer& analyzer, bool simplify_trivial_iterators = true);

// `indices` in normal form when they form an iter map (tried again without the predicate if it does not fit and the
// level is not bijective), else as they are.
std::vector<ir::Expr> IterMapSimplify(absl::Span<const ir::Expr> indices, IterDomains iters, ir::Expr predicate,
                                      IterMapLevel level, Analyzer& analyzer, bool simplify_trivial_iterators = true);

// The expression of a sum: term + term + ... + base. Not simplified further.
ir::Expr NormalizeIterMapToExpr(const IterSum& sum, Analyzer& analyzer);
ir::Expr NormalizeIterMapToExpr(const IterSplit& split, Analyzer& analyzer);

// Each source variable of a bijective map as an expression of `outputs` (one a sum), simplified. False when a sum is
// not compact (scales of a fused sum not the products of the extents) or a source is no variable.
bool InverseAffineIterMap(absl::Span<const IterSum> sums, absl::Span<const ir::Expr> outputs, Analyzer& analyzer,
                          ir::VarMap* inverse);

// One index divided as outer * inner_extent + inner.
struct DividedIter {
  IterSum outer;
  ir::Expr outer_extent;
  IterSum inner;
  ir::Expr inner_extent;
  // Which iterators it is made of; an extent of 1 does not tell, as a loop may run once.
  enum class Side : uint8_t { kOuter, kInner, kBoth } side = Side::kBoth;
};

struct SubspaceDivision {
  bool ok = false;
  absl::InlinedVector<DividedIter, 4> indices;  // One an index.
  ir::Expr outer_predicate;
  ir::Expr inner_predicate;
};

// Divides each binding into a part free of `inner_vars` and one of them only. Fails (ok = false) when the bindings are
// no iter map at `level`, or a split or the predicate crosses the boundary.
SubspaceDivision SubspaceDivide(absl::Span<const ir::Expr> bindings, IterDomains iters,
                                absl::Span<const ir::Var> inner_vars, ir::Expr predicate, IterMapLevel level,
                                Analyzer& analyzer, bool simplify_trivial_iterators = false);

}  // namespace hone::arith
