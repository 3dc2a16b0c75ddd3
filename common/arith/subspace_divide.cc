#include "common/arith/iter_map.h"
#include "common/arith/iter_map_prover.h"
#include "common/arith/iter_map_rewriter.h"
#include "common/ir/ops.h"

namespace hone::arith {

using ir::ConstOf;
using ir::Expr;
using ir::IsOne;
using ir::IsZero;

namespace {

using Splits = absl::InlinedVector<IterSplit, 4>;

// outer * inner_extent + inner.
using Division = DividedIter;
using Side = DividedIter::Side;

class Divider {
 public:
  Divider(absl::Span<const IterSum> sums, absl::Span<const ir::Var> inner_vars, Analyzer& analyzer)
      : prove_(analyzer), inner_vars_(inner_vars) {
    for (const IterSum& sum : sums) {
      for (const IterSplit& split : sum.args) Note(split);
    }
    for (size_t i = 0; i < uses_.size(); ++i) {
      if (uses_[i].mark->sum == nullptr) continue;
      for (const IterSplit& split : uses_[i].mark->sum->args) Note(split);
    }
  }

  // `mark_extent`: of the iterator that is this sum; matters only for sums of several terms.
  bool DivideSum(const IterSum& sum, Expr mark_extent, Division* out) {
    const ir::DataType dtype = sum.base.dtype();
    const Expr zero = ConstOf(dtype, 0);
    const Expr one = ConstOf(dtype, 1);
    if (sum.args.empty()) {
      *out = {{{}, zero}, one, {{}, sum.base}, one, Side::kInner};
      return true;
    }
    if (sum.args.size() == 1) {
      if (!IsOne(sum.args[0].scale) || !DivideSplit(sum.args[0], out)) return false;
      if (!IsZero(sum.base)) out->inner.base = out->inner.base + sum.base;
      return true;
    }
    // Outer splits first, then inner ones.
    Splits outer, inner;
    Expr extent = one;
    bool unit_scale = false;
    for (size_t i = sum.args.size(); i-- > 0;) {
      unit_scale |= IsOne(sum.args[i].scale);
      if (!prove_.Equal(sum.args[i].scale, extent)) return false;  // Terms that overlap can not be divided.
      Division part;
      if (!DivideSplit(sum.args[i], &part)) return false;
      if (part.side == Side::kInner) {
        if (!outer.empty()) return false;
        inner.push_back(AsSplit(part.inner, part.inner_extent));
        extent = extent * part.inner_extent;
      } else if (part.side == Side::kOuter) {
        outer.push_back(AsSplit(part.outer, part.outer_extent));
        extent = extent * part.outer_extent;
      } else {
        return false;
      }
    }
    if (!unit_scale) return false;
    const bool constrained = !prove_.Equal(extent, mark_extent);
    Expr outer_extent, inner_extent;
    const IterSum outer_sum = Compact(outer, zero, &outer_extent);
    const IterSum inner_sum = Compact(inner, sum.base, &inner_extent);
    if (outer.empty()) {
      if (constrained) Require(inner_sum, mark_extent, &inner_predicate_);
      *out = {{{}, zero}, one, inner_sum, mark_extent, Side::kInner};
    } else if (inner.empty()) {
      if (constrained) Require(outer_sum, mark_extent, &outer_predicate_);
      // The base stays with the inner part, which is otherwise empty.
      *out = {outer_sum, mark_extent, {{}, sum.base}, one, Side::kOuter};
    } else if (constrained) {
      return false;
    } else {
      *out = {outer_sum, outer_extent, inner_sum, inner_extent, Side::kBoth};
    }
    return true;
  }

  Expr outer_predicate() const { return outer_predicate_; }
  Expr inner_predicate() const { return inner_predicate_; }

 private:
  struct Use {
    const IterMark* mark;
    Splits splits;
  };
  struct Divided {
    IterSplit split;
    Division division;
  };

  void Note(const IterSplit& split) {
    for (Use& use : uses_) {
      if (use.mark == split.source) {
        use.splits.push_back(split);
        return;
      }
    }
    uses_.push_back({split.source, {split}});
  }

  static IterSplit AsSplit(const IterSum& sum, Expr extent) {
    const Expr one = ConstOf(extent.dtype(), 1);
    if (sum.args.size() == 1 && IsZero(sum.base) && IsOne(sum.args[0].scale)) return sum.args[0];
    return {ir::New<IterMark>(Expr(), ir::New<IterSum>(sum), extent), one, extent, one};
  }

  // The fused sum of `parts`, which are given from the smallest scale.
  IterSum Compact(const Splits& parts, Expr base, Expr* extent) const {
    *extent = ConstOf(base.dtype(), 1);
    Splits scaled(parts);
    for (IterSplit& part : scaled) {
      part.scale = *extent;
      *extent = prove_.Simplify(*extent * part.extent);
    }
    Splits reversed(scaled.rbegin(), scaled.rend());
    return {ir::MakeArray(reversed.data(), reversed.size()), base};
  }

  void Require(const IterSum& sum, Expr extent, Expr* predicate) const {
    *predicate = ir::And(*predicate, ir::LT(NormalizeIterMapToExpr(sum, prove_.analyzer()), extent));
  }

  static Division Outer(const IterSplit& split) {
    const Expr zero = ConstOf(split.extent.dtype(), 0);
    return {{ir::MakeArray({split}), zero}, split.extent, {{}, zero}, ConstOf(split.extent.dtype(), 1), Side::kOuter};
  }
  static Division Inner(const IterSplit& split) {
    const Expr zero = ConstOf(split.extent.dtype(), 0);
    return {{{}, zero}, ConstOf(split.extent.dtype(), 1), {ir::MakeArray({split}), zero}, split.extent, Side::kInner};
  }

  bool FindDivided(const IterSplit& split, Division* out) const {
    for (const Divided& divided : divided_) {
      if (!SameSplit(divided.split, split, /*compare_scale=*/true)) continue;
      *out = divided.division;
      return true;
    }
    return false;
  }

  // All splits of a mark are divided when the first one is met.
  bool DivideSplit(const IterSplit& split, Division* out) {
    if (FindDivided(split, out)) return true;
    const Splits* splits = nullptr;
    for (const Use& use : uses_) {
      if (use.mark == split.source) splits = &use.splits;
    }
    const IterMark& mark = *split.source;
    if (mark.sum == nullptr) {
      if (mark.source.kind() != ir::ExprKind::kVar) return false;
      bool is_inner = false;
      for (ir::Var var : inner_vars_) is_inner |= var == mark.source;
      for (IterSplit each : *splits) {
        const IterSplit key = each;
        each.scale = ConstOf(each.extent.dtype(), 1);
        divided_.push_back({key, is_inner ? Inner(each) : Outer(each)});
      }
      return FindDivided(split, out);
    }
    Division whole;
    if (!DivideSum(*mark.sum, mark.extent, &whole)) return false;
    if (splits->size() == 1) {
      if (!IsOne(split.lower_factor) || !prove_.Equal(split.extent, mark.extent)) return false;
      *out = whole;
      return true;
    }
    return DivideSplits(*splits, mark, whole) && FindDivided(split, out);
  }

  // Several splits of one sum: the boundary between outer and inner must be one between splits.
  bool DivideSplits(const Splits& splits, const IterMark& mark, const Division& whole) {
    const IterMark* outer = ir::New<IterMark>(Expr(), ir::New<IterSum>(whole.outer), whole.outer_extent);
    const IterMark* inner = ir::New<IterMark>(Expr(), ir::New<IterSum>(whole.inner), whole.inner_extent);
    bool past_boundary = IsOne(whole.inner_extent);
    absl::InlinedVector<bool, 8> used(splits.size(), false);
    Splits inner_splits, outer_splits;
    Expr expected = ConstOf(mark.extent.dtype(), 1);
    for (size_t done = 0; done < splits.size(); ++done) {
      size_t j = 0;
      while (j < splits.size() && (used[j] || !prove_.Equal(splits[j].lower_factor, expected))) ++j;
      if (j == splits.size()) return false;
      used[j] = true;
      (past_boundary ? outer_splits : inner_splits).push_back(splits[j]);
      expected = prove_.Simplify(expected * splits[j].extent);
      if (prove_.Equal(expected, whole.inner_extent)) past_boundary = true;
    }
    if (!past_boundary) return false;
    for (const IterSplit& split : inner_splits) {
      IterSplit part = split;
      part.source = inner;
      part.scale = ConstOf(part.extent.dtype(), 1);
      divided_.push_back({split, Inner(part)});
    }
    for (const IterSplit& split : outer_splits) {
      IterSplit part = split;
      part.source = outer;
      part.scale = ConstOf(part.extent.dtype(), 1);
      part.lower_factor = prove_.Simplify(ir::FloorDiv(part.lower_factor, outer_splits[0].lower_factor));
      divided_.push_back({split, Outer(part)});
    }
    return true;
  }

  const IterProver prove_;
  absl::Span<const ir::Var> inner_vars_;
  absl::InlinedVector<Use, 8> uses_;
  absl::InlinedVector<Divided, 8> divided_;
  Expr outer_predicate_ = ir::BoolImm(true);
  Expr inner_predicate_ = ir::BoolImm(true);
};

// Bounds of single variables narrow their ranges and so are in no sum: they go to the side of the variable.
void KeepBoundsOfVariables(Expr predicate, absl::Span<const ir::Var> inner_vars, SubspaceDivision* result) {
  if (const auto* both = predicate.as<ir::AndNode>()) {
    KeepBoundsOfVariables(both->a, inner_vars, result);
    KeepBoundsOfVariables(both->b, inner_vars, result);
    return;
  }
  const auto* op = predicate.as<ir::BinaryNode>();
  if (op == nullptr || (ir::ConstInt(op->a) == nullptr && ir::ConstInt(op->b) == nullptr)) return;
  for (Expr side : {op->a, op->b}) {
    if (side.kind() != ir::ExprKind::kVar) continue;
    bool is_inner = false;
    for (ir::Var var : inner_vars) is_inner |= var == side;
    Expr& part = is_inner ? result->inner_predicate : result->outer_predicate;
    part = ir::And(part, predicate);
    return;
  }
}

}  // namespace

SubspaceDivision SubspaceDivide(absl::Span<const Expr> bindings, IterDomains iters,
                                absl::Span<const ir::Var> inner_vars, Expr predicate, IterMapLevel level,
                                Analyzer& analyzer, bool simplify_trivial_iterators) {
  SubspaceDivision result;
  const IterMapResult map = DetectIterMap(bindings, iters, predicate, level, analyzer, simplify_trivial_iterators);
  if (!map.ok) return result;
  Divider divider(map.indices, inner_vars, analyzer);
  for (const IterSum& sum : map.indices) {
    Division division;
    if (!divider.DivideSum(sum, Expr(), &division)) {
      result.indices.clear();
      return result;
    }
    result.indices.push_back(division);
  }
  result.outer_predicate = divider.outer_predicate();
  result.inner_predicate = divider.inner_predicate();
  if (predicate) KeepBoundsOfVariables(predicate, inner_vars, &result);
  result.ok = true;
  return result;
}

}  // namespace hone::arith
