#include "common/arith/iter_map_rewriter.h"

#include <numeric>

#include "common/arith/deep_equal.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"

namespace hone::arith {

using ir::BinaryNode;
using ir::ConstInt;
using ir::ConstOf;
using ir::Expr;
using ir::ExprKind;
using ir::FloorDiv;
using ir::FloorMod;
using ir::IsOne;
using ir::IsZero;

bool SameSplit(const IterSplit& a, const IterSplit& b, bool compare_scale) {
  auto same = [](Expr x, Expr y) { return x == y || DeepEqual(x, y); };
  return a.source == b.source && same(a.lower_factor, b.lower_factor) && same(a.extent, b.extent) &&
         (!compare_scale || same(a.scale, b.scale));
}

namespace {

IterSplit FullSplit(const IterMark* mark, Expr scale) {
  return IterSplit{mark, ConstOf(scale.dtype(), 1), mark->extent, scale};
}

IterSplit FullSplit(const IterMark* mark) { return FullSplit(mark, ConstOf(mark->extent.dtype(), 1)); }

bool IsIndexType(Expr e) {
  const ir::DataType dtype = e.dtype();
  return dtype.is_int() && dtype.is_scalar() && dtype.bits >= 32;
}

template <typename Container>
ir::Array<IterSplit> Reversed(const Container& splits) {
  absl::InlinedVector<IterSplit, 8> out(splits.rbegin(), splits.rend());
  return ir::MakeArray(out.data(), out.size());
}

}  // namespace

IterMapRewriter::IterMapRewriter(IterDomains iters, IterMapLevel level, bool simplify_trivial_iterators,
                                 Analyzer& analyzer)
    : level_(level), prove_(analyzer), padding_predicate_(ir::BoolImm(false)) {
  for (const IterDomain& iter : iters) {
    const ir::Range& range = iter.range;
    if (simplify_trivial_iterators && IsOne(range.extent)) {
      inputs_.push_back({iter.var.get(), nullptr, range.min});
    } else {
      const Expr source = IsZero(range.min) ? Expr(iter.var) : iter.var - range.min;
      const IterMark* mark = ir::New<IterMark>(source, nullptr, range.extent);
      inputs_.push_back({iter.var.get(), mark, range.min});
    }
  }
}

// ---- expressions to sums

bool IterMapRewriter::Direct(Expr e, IterSumBuilder* out) {
  switch (e.kind()) {
    case ExprKind::kVar:
      for (const Input& input : inputs_) {
        if (input.var != e.get()) continue;
        if (input.mark != nullptr) out->args.push_back(FullSplit(input.mark));
        out->base = input.base;
        out->uses_iter = true;
        return true;
      }
      out->base = e;
      return true;
    case ExprKind::kIntImm:
      out->base = e;
      return true;
    case ExprKind::kAdd:
    case ExprKind::kSub:
      if (IsIndexType(e)) return DirectAddSub(e.as<BinaryNode>(), out);
      break;
    case ExprKind::kMul:
      if (IsIndexType(e)) return DirectMul(e.as<BinaryNode>(), out);
      break;
    case ExprKind::kFloorDiv:
    case ExprKind::kFloorMod:
      if (IsIndexType(e)) return DirectDivMod(e.as<BinaryNode>(), out);
      break;
    default:
      break;
  }
  return DirectOther(e, out);
}

bool IterMapRewriter::DirectOther(Expr e, IterSumBuilder* out) {
  const bool uses = ir::UsesVar(e, [this](ir::Var var) {
    for (const Input& input : inputs_) {
      if (input.var == var.get()) return true;
    }
    return false;
  });
  if (uses) return Fail("an iterator is used in an expression that is not affine");
  out->base = e;
  return true;
}

void IterMapRewriter::AddTerm(IterSumBuilder* sum, IterSplit term, bool negative) const {
  for (size_t i = 0; i < sum->args.size(); ++i) {
    IterSplit& old = sum->args[i];
    if (!SameSplit(old, term, /*compare_scale=*/false)) continue;
    old.scale = negative ? old.scale - term.scale : old.scale + term.scale;
    if (IsZero(old.scale)) sum->args.erase(sum->args.begin() + i);
    return;
  }
  if (negative) term.scale = ConstOf(term.scale.dtype(), 0) - term.scale;
  sum->args.push_back(term);
}

namespace {

// `op` over the operands `a` and `b`, folded; `op` itself when nothing changes.
Expr Folded(const BinaryNode* op, Expr a, Expr b) {
  const Expr out = ir::Binary(op->kind, a, b);
  const auto* binary = out.kind() == op->kind ? out.as<BinaryNode>() : nullptr;
  return binary != nullptr && binary->a == op->a && binary->b == op->b ? Expr(op) : out;
}

}  // namespace

bool IterMapRewriter::DirectAddSub(const BinaryNode* op, IterSumBuilder* out) {
  IterSumBuilder b;
  if (!Direct(op->a, out) || !Direct(op->b, &b)) return false;
  if (!out->uses_iter && !b.uses_iter) {
    out->base = Folded(op, out->base, b.base);
    return true;
  }
  const bool negative = op->kind == ExprKind::kSub;
  for (const IterSplit& term : b.args) AddTerm(out, term, negative);
  out->base = negative ? out->base - b.base : out->base + b.base;
  out->uses_iter = true;
  return true;
}

bool IterMapRewriter::DirectMul(const BinaryNode* op, IterSumBuilder* out) {
  IterSumBuilder b;
  if (!Direct(op->a, out) || !Direct(op->b, &b)) return false;
  if (!out->uses_iter && !b.uses_iter) {
    out->base = Folded(op, out->base, b.base);
    return true;
  }
  if (out->uses_iter && b.uses_iter) return Fail("product of two iterators");
  if (b.uses_iter) std::swap(*out, b);
  if (IsZero(b.base)) {
    out->args.clear();
    out->base = b.base;
    return true;
  }
  for (IterSplit& term : out->args) term.scale = term.scale * b.base;
  out->base = out->base * b.base;
  return true;
}

bool IterMapRewriter::DirectDivMod(const BinaryNode* op, IterSumBuilder* out) {
  IterSumBuilder b;
  if (!Direct(op->a, out) || !Direct(op->b, &b)) return false;
  if (!out->uses_iter && !b.uses_iter) {
    out->base = Folded(op, out->base, b.base);
    return true;
  }
  if (b.uses_iter) return Fail("division by an iterator");
  const Expr divisor = b.base;
  const bool is_div = op->kind == ExprKind::kFloorDiv;
  if (out->args.empty()) {
    out->base = is_div ? FloorDiv(out->base, divisor) : FloorMod(out->base, divisor);
    return true;
  }
  if (out->args.size() > 1 && !TryFuse(out, /*allow_early_exit=*/true)) {
    return Fail("a dividend can not be written as one fused iterator");
  }
  const IterSplit split = out->args[0];
  const Expr base = out->base;
  out->args.clear();
  return is_div ? SplitFloorDiv(split, base, divisor, out) : SplitFloorMod(split, base, divisor, out);
}

// ---- division of one split

// Without padding, a split below the divisor is its own remainder.
bool IterMapRewriter::StaysBelow(const IterSplit& split, Expr base, Expr divisor) const {
  return level_ == IterMapLevel::kBijective && IsZero(base) && prove_.GreaterEqual(divisor, split.extent) &&
         !prove_.Equal(divisor, split.extent);
}

// (split + base) // divisor
bool IterMapRewriter::SplitFloorDiv(IterSplit split, Expr base, Expr divisor, IterSumBuilder* out) {
  if (IsOne(divisor)) {
    out->args.push_back(split);
    out->base = base;
    return true;
  }
  if (!IsOne(split.scale)) {
    if (prove_.Divisible(split.scale, divisor) && prove_.Divisible(base, divisor)) {
      // (x * (c1 * c2) + y * c2) // c2 = x * c1 + y
      split.scale = prove_.Simplify(FloorDiv(split.scale, divisor));
      out->args.push_back(split);
      out->base = prove_.Simplify(FloorDiv(base, divisor));
      return true;
    }
    const bool negative = !prove_.GreaterEqual(split.scale, ConstOf(base.dtype(), 1));
    if (negative || !prove_.Divisible(divisor, split.scale) || !prove_.Divisible(base, split.scale)) {
      return Fail("the scale of a dividend does not match the divisor");
    }
    // (x * c1 + y * c1) // (c1 * c2) = (x + y) // c2
    base = prove_.Simplify(FloorDiv(base, split.scale));
    divisor = prove_.Simplify(FloorDiv(divisor, split.scale));
    split.scale = ConstOf(base.dtype(), 1);
    if (IsOne(divisor)) {
      out->args.push_back(split);
      out->base = base;
      return true;
    }
  }
  if (StaysBelow(split, base, divisor)) {
    out->base = ConstOf(base.dtype(), 0);
    return true;
  }
  Padded padded;
  if (!PadToDivisor(split, base, divisor, &padded)) return false;
  const IterSplit& x = padded.split;
  IterSplit result;
  if (prove_.Divisible(x.extent, divisor)) {
    result = {x.source, prove_.Simplify(x.lower_factor * divisor), prove_.Simplify(FloorDiv(x.extent, divisor)),
              x.scale};
  } else if (IsOne(x.lower_factor) && prove_.Equal(x.extent, x.source->extent)) {
    result = {x.source, divisor, prove_.CeilDiv(x.extent, divisor), x.scale};
  } else {
    const IterSum* sum = ir::New<IterSum>(ir::MakeArray({x}), ConstOf(base.dtype(), 0));
    const IterMark* mark = ir::New<IterMark>(Expr(), sum, x.extent);
    result = {mark, divisor, prove_.CeilDiv(x.extent, divisor), ConstOf(base.dtype(), 1)};
  }
  out->args.push_back(result);
  out->base = prove_.Simplify(FloorDiv(base - padded.left, divisor));
  return true;
}

// (split + base) % divisor
bool IterMapRewriter::SplitFloorMod(IterSplit split, Expr base, Expr divisor, IterSumBuilder* out) {
  out->base = ConstOf(base.dtype(), 0);
  if (IsOne(divisor)) return true;
  if (!IsOne(split.scale)) {
    if (prove_.Divisible(split.scale, divisor) && prove_.Divisible(base, divisor)) return true;
    const bool negative = !prove_.GreaterEqual(split.scale, ConstOf(base.dtype(), 1));
    if (negative || !prove_.Divisible(divisor, split.scale) || !prove_.Divisible(base, split.scale)) {
      return Fail("the scale of a dividend does not match the divisor");
    }
    // (x * c1 + y * c1) % (c1 * c2) = ((x + y) % c2) * c1
    base = prove_.Simplify(FloorDiv(base, split.scale));
    divisor = prove_.Simplify(FloorDiv(divisor, split.scale));
    if (IsOne(divisor)) return true;
  }
  if (StaysBelow(split, base, divisor)) {
    out->args.push_back(split);
    return true;
  }
  Padded padded;
  if (!PadToDivisor(split, base, divisor, &padded)) return false;
  if (!prove_.Divisible(padded.split.extent, divisor)) return Fail("a modulus does not divide the extent");
  out->args.push_back({padded.split.source, padded.split.lower_factor, divisor, padded.split.scale});
  return true;
}

// ---- padding

IterMapRewriter::Padding& IterMapRewriter::PaddingOf(const IterMark* mark) {
  for (Padding& padding : paddings_) {
    if (padding.mark == mark) return padding;
  }
  const ir::DataType dtype = mark->extent.dtype();
  paddings_.push_back({mark, ConstOf(dtype, 1), ConstOf(dtype, 0), nullptr});
  return paddings_.back();
}

bool IterMapRewriter::IsPadded(const IterMark* mark, const IterMark** origin) const {
  for (const Padding& padding : paddings_) {
    if (padding.padded != mark) continue;
    *origin = padding.mark;
    return true;
  }
  return false;
}

Expr IterMapRewriter::CommonMultiple(Expr a, Expr b) const {
  const int64_t* ca = ConstInt(a);
  const int64_t* cb = ConstInt(b);
  if (ca != nullptr && cb != nullptr && *ca > 0 && *cb > 0) return ConstOf(a.dtype(), std::lcm(*ca, *cb));
  if (prove_.Divisible(a, b)) return a;
  if (prove_.Divisible(b, a)) return b;
  return a * b;
}

// Makes `split` (without its scale) + base divisible into whole groups of `divisor`, by padding the mark behind it on
// either side when the level allows.
bool IterMapRewriter::PadToDivisor(const IterSplit& split, Expr base, Expr divisor, Padded* out) {
  const Expr zero = ConstOf(base.dtype(), 0);
  const Expr left = prove_.Simplify(FloorMod(base, divisor));
  const bool fits = IsZero(left) && prove_.Divisible(split.extent, divisor);
  *out = {split, zero};
  if (level_ == IterMapLevel::kBijective) {
    return IsZero(left) || Fail("an offset before a division needs padding, which a bijective map does not allow");
  }
  const Expr covered = split.lower_factor * split.extent;
  if (!prove_.GreaterEqual(covered, split.source->extent)) {
    if (fits) return true;
    // Not the topmost split of its mark: pad a mark of its own.
    IterSumBuilder own;
    own.args.push_back(split);
    own.args[0].scale = ConstOf(base.dtype(), 1);
    own.base = zero;
    if (!TryFuse(&own, /*allow_early_exit=*/false)) return Fail("could not normalize a dividend");
    IterSplit whole = own.args[0];
    whole.scale = split.scale;
    if (!prove_.GreaterEqual(whole.extent, whole.source->extent) || !IsZero(own.base)) {
      return Fail("could not normalize a dividend");
    }
    return PadToDivisor(whole, base, divisor, out);
  }
  if (noting_padding_) {
    Padding& padding = PaddingOf(split.source);
    padding.factor = CommonMultiple(padding.factor, prove_.Simplify(split.lower_factor * divisor));
    if (fits) return true;
    requires_padding_ = true;
    padding.left = prove_.Simplify(ir::Max(padding.left, left * split.lower_factor));
    out->left = left;
    out->split.extent = prove_.Simplify(FloorDiv(left + split.extent + (divisor - 1), divisor) * divisor);
    return true;
  }
  Padding* padding = nullptr;
  for (Padding& candidate : paddings_) {
    if (candidate.mark == split.source) padding = &candidate;
  }
  if (padding == nullptr || (IsZero(padding->left) && prove_.Divisible(split.source->extent, padding->factor))) {
    return IsZero(left) || Fail("an offset before a division does not match its padding");
  }
  if (!prove_.Divisible(padding->factor, split.lower_factor * divisor) ||
      !prove_.Divisible(padding->left, split.lower_factor)) {
    return Fail("divisions of one iterator need different paddings");
  }
  out->left = prove_.Simplify(FloorDiv(padding->left, split.lower_factor));
  if (!prove_.Divisible(prove_.Simplify(base - out->left), divisor)) {
    return Fail("divisions of one iterator need different paddings");
  }
  if (padding->padded == nullptr && !PadMark(*padding)) return false;
  out->split.source = padding->padded;
  out->split.extent = prove_.Simplify(FloorDiv(padding->padded->extent, split.lower_factor));
  return true;
}

bool IterMapRewriter::PadMark(Padding& padding) {
  const IterMark* mark = padding.mark;
  const Expr zero = ConstOf(mark->extent.dtype(), 0);
  const Expr end = prove_.Simplify(padding.left + mark->extent);
  const Expr right = prove_.Simplify(FloorMod(zero - end, padding.factor));
  const IterSum* sum = ir::New<IterSum>(ir::MakeArray({FullSplit(mark)}), padding.left);
  padding.padded = ir::New<IterMark>(Expr(), sum, prove_.Simplify(end + right));
  // value < left or end <= value, written by quotient and remainder: these simplify to conditions on the padded splits.
  const Expr value = NormalizeIterMapToExpr(*sum, prove_.analyzer());
  const Expr quotient = FloorDiv(value, padding.factor);
  const Expr remainder = FloorMod(value, padding.factor);
  if (!IsZero(padding.left)) {
    const Expr is_left = ir::And(ir::EQ(quotient, zero), ir::LT(remainder, padding.left));
    padding_predicate_ = ir::Or(padding_predicate_, is_left);
  }
  if (!IsZero(right)) {
    const Expr is_right = ir::And(ir::EQ(quotient, prove_.Simplify(FloorDiv(end, padding.factor))),
                                  ir::GE(remainder, prove_.Simplify(FloorMod(end, padding.factor))));
    padding_predicate_ = ir::Or(padding_predicate_, is_right);
  }
  return true;
}

// ---- fusion of sums

int IterMapRewriter::FindBase(const Splits& args, const absl::InlinedVector<bool, 8>& skip, const IterMark* source,
                              int last) const {
  auto eligible = [&](int i) { return !skip[i] && (source == nullptr || args[i].source == source); };
  int best = -1;
  int64_t best_scale = 0;
  for (int i = last; i >= 0; --i) {
    if (!eligible(i)) continue;
    const int64_t* scale = ConstInt(args[i].scale);
    if (scale == nullptr) continue;
    if (best == -1 || *scale < best_scale ||
        (*scale == best_scale && IsOne(args[i].extent) && !IsOne(args[best].extent))) {
      best_scale = *scale;
      best = i;
    }
  }
  if (best != -1) return best;
  // Only symbolic scales: the product of the fewest factors.
  int best_factors = 0;
  for (int i = last; i >= 0; --i) {
    if (!eligible(i)) continue;
    int factors = 1;
    ir::PostOrderVisitExprs(args[i].scale, [&](Expr e) { factors += e.kind() == ExprKind::kMul; });
    if (best == -1 || factors < best_factors) {
      best_factors = factors;
      best = i;
    }
  }
  return best;
}

int IterMapRewriter::FindScale(const Splits& args, const absl::InlinedVector<bool, 8>& skip, Expr scale,
                               const IterMark* source, int last, int first_unit) const {
  int found = -1;
  for (int i = last; i >= 0; --i) {
    if (skip[i] || (source != nullptr && args[i].source != source)) continue;
    if (!prove_.Equal(args[i].scale, scale)) continue;
    if (IsOne(args[i].extent)) return i;  // Of one scale, unit iterators come first.
    found = i;
    if (i <= first_unit) return found;
  }
  return found;
}

int IterMapRewriter::FindSmallerScale(const Splits& args, const absl::InlinedVector<bool, 8>& skip, Expr scale,
                                      Expr base_scale) const {
  int found = -1;
  for (int i = static_cast<int>(args.size()) - 1; i >= 0; --i) {
    if (skip[i]) continue;
    const Expr candidate = args[i].scale;
    const Expr zero = ConstOf(candidate.dtype(), 0);
    if (!prove_.GreaterEqual(scale, candidate) || !prove_.GreaterEqual(candidate, zero)) continue;
    if (!prove_.Divisible(candidate, base_scale)) continue;
    if (found == -1 || prove_.GreaterEqual(candidate, args[found].scale)) found = i;
  }
  return found;
}

// x // 4 % 2 * 4 + x % 4 => x % 8
void IterMapRewriter::CombineSplitsOfSameSource(IterSumBuilder* sum) {
  const int count = static_cast<int>(sum->args.size());
  bool shared = false;
  for (int i = 0; i < count && !shared; ++i) {
    for (int j = 0; j < i; ++j) shared |= sum->args[i].source == sum->args[j].source;
  }
  if (!shared) return;
  int first_unit = 0;
  while (first_unit < count && !IsOne(sum->args[first_unit].extent)) ++first_unit;
  absl::InlinedVector<bool, 8> used(count, false);
  Splits combined;  // In reverse.
  for (int last = count - 1; last >= 0;) {
    if (used[last]) {
      --last;
      continue;
    }
    const IterMark* source = sum->args[last].source;
    const int base = FindBase(sum->args, used, source, last);
    used[base] = true;
    IterSplit low = sum->args[base];
    for (;;) {
      const int next = FindScale(sum->args, used, low.extent * low.scale, source, last, first_unit);
      if (next == -1) break;
      const IterSplit& high = sum->args[next];
      if (!prove_.Equal(high.lower_factor, low.lower_factor * low.extent)) break;
      used[next] = true;
      low.extent = prove_.Simplify(low.extent * high.extent);
    }
    combined.push_back(low);
  }
  sum->args.assign(combined.rbegin(), combined.rend());
}

const IterMapRewriter::Fused* IterMapRewriter::LongestConstraintEndingIn(const IterSplit& split) const {
  const Fused* longest = nullptr;
  for (int index : constrained_) {
    const Fused& fused = fused_[index];
    if (!SameSplit(split, fused.flattened.back(), /*compare_scale=*/false)) continue;
    if (longest == nullptr || longest->flattened.size() < fused.flattened.size()) longest = &fused;
  }
  return longest;
}

IterMapRewriter::Fused* IterMapRewriter::FindFused(const Splits& reversed) {
  const size_t count = reversed.size();
  for (Fused& fused : fused_) {
    if (fused.flattened.size() != count) continue;
    size_t i = 0;
    while (i < count && SameSplit(fused.flattened[i], reversed[count - 1 - i], /*compare_scale=*/true)) ++i;
    if (i == count) return &fused;
  }
  return nullptr;
}

// Turns the sum into one split of a fused iterator.
bool IterMapRewriter::TryFuse(IterSumBuilder* sum, bool allow_early_exit) {
  const size_t before = sum->args.size();
  if (before > 1) CombineSplitsOfSameSource(sum);
  if (sum->args.size() < before && sum->args.size() <= 1 && allow_early_exit) return true;
  const Splits args = sum->args;
  const int count = static_cast<int>(args.size());
  absl::InlinedVector<bool, 8> used(count, false);
  const int base = FindBase(args, used, nullptr, count - 1);
  if (base == -1) return false;
  int first_unit = 0;
  while (first_unit < count && !IsOne(args[first_unit].extent)) ++first_unit;
  const Expr base_scale = args[base].scale;
  const ir::DataType dtype = base_scale.dtype();
  auto relative = [&](Expr scale) {
    return scale == base_scale ? ConstOf(dtype, 1) : prove_.Simplify(FloorDiv(scale, base_scale));
  };

  Splits flattened, grouped;  // Smallest scale first.
  Expr offset = ConstOf(dtype, 0);
  Expr expected = base_scale;
  Expr tail = ConstOf(dtype, 0);  // How far overlapping parts reach beyond `expected`.
  for (int done = 0; done < count;) {
    int position = base;
    Expr scale = expected;
    if (done > 0) {
      position = FindScale(args, used, expected, nullptr, count - 1, first_unit);
      if (position == -1 && level_ != IterMapLevel::kBijective) {
        position = FindSmallerScale(args, used, expected, base_scale);
        if (position != -1) {
          scale = args[position].scale;
          tail = tail + (expected - scale);
        }
      }
    }
    if (position == -1) return false;
    Expr extent;
    if (const Fused* constraint = LongestConstraintEndingIn(args[position])) {
      // This many of the lowest splits are one narrower iterator.
      for (size_t i = constraint->flattened.size(); i-- > 0;) {
        const IterSplit& wanted = constraint->flattened[i];
        int k = 0;
        while (k < count && (used[k] || !SameSplit(args[k], wanted, /*compare_scale=*/false) ||
                             !prove_.Equal(wanted.scale * scale, args[k].scale))) {
          ++k;
        }
        if (k == count) return false;
        used[k] = true;
        flattened.push_back(args[k]);
        flattened.back().scale = relative(args[k].scale);
      }
      grouped.push_back(FullSplit(constraint->mark, relative(scale)));
      offset = offset + constraint->offset * scale;
      extent = constraint->mark->extent;
      done += static_cast<int>(constraint->flattened.size());
    } else {
      used[position] = true;
      flattened.push_back(args[position]);
      flattened.back().scale = relative(args[position].scale);
      grouped.push_back(flattened.back());
      extent = args[position].extent;
      ++done;
    }
    expected = prove_.Simplify(extent * scale);
  }
  const Fused* fused = FindFused(flattened);
  if (fused != nullptr) {
    if (!prove_.Equal(offset, fused->offset * base_scale)) return false;
  } else {
    const IterSum* source = ir::New<IterSum>(Reversed(grouped), ConstOf(dtype, 0));
    const Expr reach = IsZero(tail) ? expected : prove_.Simplify(expected + tail);
    const Expr extent = IsOne(base_scale) ? reach : prove_.Simplify(FloorDiv(reach, base_scale));
    fused_.push_back({Reversed(flattened), ir::New<IterMark>(Expr(), source, extent), ConstOf(dtype, 0)});
    fused = &fused_.back();
  }
  sum->args.assign(1, FullSplit(fused->mark, base_scale));
  sum->base = sum->base + offset;
  return true;
}

bool IterMapRewriter::Normalize(IterSumBuilder& sum, IterSum* out) {
  // Without constraints a single split is normal already.
  const bool normal = sum.args.empty() || (sum.args.size() == 1 && constrained_.empty());
  if (!normal && !TryFuse(&sum, /*allow_early_exit=*/true))
    return Fail("could not normalize the iterators of an index");
  *out = {ir::MakeArray(sum.args.data(), sum.args.size()), sum.base};
  return true;
}

bool IterMapRewriter::Rewrite(Expr e, IterSum* out) {
  IterSumBuilder sum;
  return Direct(e, &sum) && Normalize(sum, out);
}

bool IterMapRewriter::RewriteAndNotePadding(Expr e, IterSum* out) {
  noting_padding_ = true;
  const bool ok = Rewrite(e, out);
  noting_padding_ = false;
  return ok;
}

// ---- constraints

bool IterMapRewriter::AddConstraint(Expr e, Expr lower, Expr upper) {
  IterSumBuilder sum;
  if (!Direct(e, &sum)) return false;
  if (!IsZero(sum.base)) {
    if (lower) lower = prove_.Simplify(lower - sum.base);
    if (upper) upper = prove_.Simplify(upper - sum.base);
  }
  sum.base = ConstOf(e.dtype(), 0);
  if (!TryFuse(&sum, /*allow_early_exit=*/false) || !IsOne(sum.args[0].scale)) {
    return Fail("could not normalize iterators using the constraints given");
  }
  size_t index = 0;
  while (fused_[index].mark != sum.args[0].source) ++index;
  Fused& fused = fused_[index];
  Expr min = fused.offset;
  Expr end = prove_.Simplify(min + fused.mark->extent);
  const IterSum* source = fused.mark->sum;
  if (lower) {
    min = prove_.Simplify(ir::Max(lower, min));
    source = ir::New<IterSum>(source->args, ConstOf(min.dtype(), 0) - min);
  }
  if (upper) end = prove_.Simplify(ir::Min(upper, end));
  fused.mark = ir::New<IterMark>(Expr(), source, prove_.Simplify(end - min));
  fused.offset = min;
  for (int known : constrained_) {
    if (known == static_cast<int>(index)) return true;
  }
  constrained_.push_back(static_cast<int>(index));
  return true;
}

bool IterMapRewriter::CheckConstraints() const {
  for (size_t i = 0; i < constrained_.size(); ++i) {
    for (size_t j = i + 1; j < constrained_.size(); ++j) {
      // Either all of the shorter one's splits are in the longer one, or none.
      size_t inside = 0;
      const ir::Array<IterSplit> small = fused_[constrained_[i]].flattened;
      for (const IterSplit& a : small) {
        for (const IterSplit& b : fused_[constrained_[j]].flattened) {
          if (!SameSplit(a, b, /*compare_scale=*/true)) continue;
          ++inside;
          break;
        }
      }
      if (inside != 0 && inside != small.size()) return false;
    }
  }
  return true;
}

// ---- independence

bool IterMapRewriter::CoverMark(const IterMark* mark, absl::Span<const IterSplit> splits) {
  absl::InlinedVector<bool, 8> used(splits.size(), false);
  Expr expected = ConstOf(mark->extent.dtype(), 1);
  for (size_t done = 0; done < splits.size(); ++done) {
    size_t found = splits.size();
    for (size_t j = 0; j < splits.size() && found == splits.size(); ++j) {
      if (!used[j] && prove_.Equal(splits[j].lower_factor, expected)) found = j;
    }
    if (found == splits.size()) {
      if (level_ == IterMapLevel::kBijective) return false;
      // Not all of the iterator has to be used: go on with the next split whose factor is a multiple, [y // 6, y % 2].
      for (size_t j = 0; j < splits.size(); ++j) {
        if (used[j] || !prove_.Divisible(splits[j].lower_factor, expected)) continue;
        if (found == splits.size() || prove_.GreaterEqual(splits[found].lower_factor, splits[j].lower_factor)) {
          found = j;
        }
      }
      if (found == splits.size()) return false;
    }
    used[found] = true;
    expected = splits[found].lower_factor * splits[found].extent;
  }
  const bool full = prove_.Equal(expected, mark->extent);
  const IterMark* origin = nullptr;
  const bool padded = IsPadded(mark, &origin);
  if (level_ == IterMapLevel::kBijective) return full && !padded;
  if (!padded) return full || prove_.Divisible(mark->extent, expected);
  if (!full) {
    // p % 8 is dense when a whole group of 8 is left without the padding.
    return prove_.Divisible(mark->extent, expected) && prove_.GreaterEqual(origin->extent, expected);
  }
  if (level_ == IterMapLevel::kNoCheck) return true;
  if (splits.size() != 1) return false;  // The padding ties the splits to each other.
  // p // 8 is dense when no group of 8 is padding as a whole.
  const Expr left = mark->sum->base;
  const Expr right = mark->extent - left - origin->extent;
  const Expr one = ConstOf(left.dtype(), 1);
  return prove_.GreaterEqual(splits[0].lower_factor, prove_.Simplify(left + one)) &&
         prove_.GreaterEqual(splits[0].lower_factor, prove_.Simplify(right + one));
}

bool IterMapRewriter::CheckMapping(absl::Span<const IterSum> sums) {
  struct Use {
    const IterMark* mark;
    absl::InlinedVector<IterSplit, 2> splits;
  };
  absl::InlinedVector<Use, 8> uses;
  auto note = [&](const IterSplit& split) {
    for (Use& use : uses) {
      if (use.mark == split.source) {
        use.splits.push_back(split);
        return;
      }
    }
    uses.push_back({split.source, {split}});
  };
  for (const IterSum& sum : sums) {
    for (const IterSplit& split : sum.args) note(split);
  }
  // Marks are appended while their users are visited.
  for (size_t i = 0; i < uses.size(); ++i) {
    if (uses[i].mark->sum == nullptr) continue;
    for (const IterSplit& split : uses[i].mark->sum->args) note(split);
  }
  for (const Use& use : uses) {
    if (!CoverMark(use.mark, use.splits)) return Fail("the mapped indices are not independent");
  }
  if (level_ != IterMapLevel::kBijective) return true;
  for (const Input& input : inputs_) {
    if (input.mark == nullptr || IsOne(input.mark->extent)) continue;
    bool used = false;
    for (const Use& use : uses) used |= use.mark == input.mark;
    if (!used) return Fail("an iterator is not used by a map that has to be bijective");
  }
  return true;
}

namespace {

// Calls `f` with each split of an input iterator that `split` is made of, but does not look into `opaque`. A split of a
// sum counts as all of the sum's terms.
template <typename F>
void ForEachInputSplit(const IterSplit& split, const IterMark* opaque, F&& f) {
  if (split.source == opaque) return;
  if (split.source->sum == nullptr) {
    f(split);
    return;
  }
  for (const IterSplit& term : split.source->sum->args) ForEachInputSplit(term, opaque, f);
}

// Both have digits of one iterator in common, as far as literals tell.
bool ShareDigits(const IterSplit& a, const IterSplit& b) {
  if (a.source != b.source) return false;
  const auto disjoint = [](const IterSplit& low, const IterSplit& high) {
    const int64_t* lower = ConstInt(low.lower_factor);
    const int64_t* extent = ConstInt(low.extent);
    const int64_t* next = ConstInt(high.lower_factor);
    return lower != nullptr && extent != nullptr && next != nullptr && *next >= *lower * *extent;
  };
  return !disjoint(a, b) && !disjoint(b, a);
}

}  // namespace

bool IterMapRewriter::OverlooksConstraint(absl::Span<const IterSum> sums) const {
  for (const int index : constrained_) {
    absl::InlinedVector<IterSplit, 4> narrowed;
    for (const IterSplit& split : fused_[index].flattened) {
      ForEachInputSplit(split, nullptr, [&](const IterSplit& input) { narrowed.push_back(input); });
    }
    bool overlooks = false;
    for (const IterSum& sum : sums) {
      for (const IterSplit& split : sum.args) {
        ForEachInputSplit(split, fused_[index].mark, [&](const IterSplit& input) {
          for (const IterSplit& other : narrowed) overlooks = overlooks || ShareDigits(input, other);
        });
      }
    }
    if (overlooks) return true;
  }
  return false;
}

}  // namespace hone::arith
