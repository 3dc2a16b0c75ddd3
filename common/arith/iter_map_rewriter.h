// Internal to DetectIterMap: rewrites expressions to sums of splits of iterators.
#pragma once

#include "absl/container/inlined_vector.h"
#include "common/arith/iter_map.h"
#include "common/arith/iter_map_prover.h"

namespace hone::arith {

// A sum while it is put together. `uses_iter` is false for expressions free of input iterators.
struct IterSumBuilder {
  absl::InlinedVector<IterSplit, 4> args;
  ir::Expr base;
  bool uses_iter = false;
};

// One object serves one detection. Methods that return bool (or null) leave the reason of a failure in error().
class IterMapRewriter {
 public:
  IterMapRewriter(IterDomains iters, IterMapLevel level, bool simplify_trivial_iterators, Analyzer& analyzer);

  // The bounds lower <= e < upper (either may be null) hold: the sum of iterators behind `e` becomes one narrower
  // iterator, wherever it occurs in what is rewritten later. Call in the order of growing size of `e`.
  bool AddConstraint(ir::Expr e, ir::Expr lower, ir::Expr upper);
  // No two constrained sums overlap in part.
  bool CheckConstraints() const;

  // `e` as at most one split of one (maybe fused) iterator plus a base.
  bool Rewrite(ir::Expr e, IterSum* out);
  // First pass for levels with padding: notes which divisors each iterator has to be padded for. The result is final
  // when requires_padding() stays false.
  bool RewriteAndNotePadding(ir::Expr e, IterSum* out);
  bool requires_padding() const { return requires_padding_; }
  ir::Expr padding_predicate() const { return padding_predicate_; }

  // The splits of each iterator used by `sums` do not overlap and cover it as the level asks.
  bool CheckMapping(absl::Span<const IterSum> sums);
  // A constraint narrows iterators that `sums` use otherwise than as the constrained sum: they take fewer values, or
  // depend on each other, in a way that the sums do not show.
  bool OverlooksConstraint(absl::Span<const IterSum> sums) const;

  std::string_view error() const { return error_; }

 private:
  struct Input {
    const ir::VarNode* var;
    const IterMark* mark;  // Null for an iterator of extent 1 that became its minimum.
    ir::Expr base;
  };
  // A sum of splits that became one iterator: value of the sum (scales relative to the smallest) = mark + offset.
  struct Fused {
    ir::Array<IterSplit> flattened;  // Largest scale first.
    const IterMark* mark;
    ir::Expr offset;
  };
  struct Padding {
    const IterMark* mark;
    ir::Expr factor;
    ir::Expr left;
    const IterMark* padded;  // Null until the second pass needs it.
  };
  struct Padded {
    IterSplit split;
    ir::Expr left;  // The split's value is the padded split's value - left.
  };
  using Splits = absl::InlinedVector<IterSplit, 4>;

  bool Fail(std::string_view why) {
    if (error_.empty()) error_ = why;
    return false;
  }
  bool Direct(ir::Expr e, IterSumBuilder* out);
  bool DirectAddSub(const ir::BinaryNode* op, IterSumBuilder* out);
  bool DirectMul(const ir::BinaryNode* op, IterSumBuilder* out);
  bool DirectDivMod(const ir::BinaryNode* op, IterSumBuilder* out);
  bool DirectOther(ir::Expr e, IterSumBuilder* out);
  void AddTerm(IterSumBuilder* sum, IterSplit term, bool negative) const;
  bool Normalize(IterSumBuilder& sum, IterSum* out);

  bool StaysBelow(const IterSplit& split, ir::Expr base, ir::Expr divisor) const;
  bool SplitFloorDiv(IterSplit split, ir::Expr base, ir::Expr divisor, IterSumBuilder* out);
  bool SplitFloorMod(IterSplit split, ir::Expr base, ir::Expr divisor, IterSumBuilder* out);
  bool PadToDivisor(const IterSplit& split, ir::Expr base, ir::Expr divisor, Padded* out);
  bool PadMark(Padding& padding);
  Padding& PaddingOf(const IterMark* mark);
  bool IsPadded(const IterMark* mark, const IterMark** origin) const;
  ir::Expr CommonMultiple(ir::Expr a, ir::Expr b) const;

  bool TryFuse(IterSumBuilder* sum, bool allow_early_exit);
  void CombineSplitsOfSameSource(IterSumBuilder* sum);
  int FindBase(const Splits& args, const absl::InlinedVector<bool, 8>& skip, const IterMark* source, int last) const;
  int FindScale(const Splits& args, const absl::InlinedVector<bool, 8>& skip, ir::Expr scale, const IterMark* source,
                int last, int first_unit) const;
  int FindSmallerScale(const Splits& args, const absl::InlinedVector<bool, 8>& skip, ir::Expr scale,
                       ir::Expr base_scale) const;
  const Fused* LongestConstraintEndingIn(const IterSplit& split) const;
  Fused* FindFused(const Splits& reversed);
  bool CoverMark(const IterMark* mark, absl::Span<const IterSplit> splits);

  const IterMapLevel level_;
  const IterProver prove_;
  bool noting_padding_ = false;
  bool requires_padding_ = false;
  std::string_view error_;
  ir::Expr padding_predicate_;
  absl::InlinedVector<Input, 8> inputs_;
  absl::InlinedVector<Fused, 4> fused_;
  absl::InlinedVector<int, 2> constrained_;  // Indices into fused_, shortest first.
  absl::InlinedVector<Padding, 2> paddings_;
};

// Structural equality of two splits of the same mark.
bool SameSplit(const IterSplit& a, const IterSplit& b, bool compare_scale);

}  // namespace hone::arith
