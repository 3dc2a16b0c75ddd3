#include "common/arith/canonical_simplify.h"

#include <cstdlib>

#include "common/arith/inf_int.h"

namespace hone::arith {

using ir::DataType;
using ir::Expr;
using ir::ExprKind;

namespace {

bool IsArithmeticKind(ExprKind kind) {
  return (kind >= ExprKind::kAdd && kind <= ExprKind::kFloorMod) || kind == ExprKind::kCast;
}

Expr DivOf(Expr a, Expr b, bool floor) { return floor ? ir::FloorDiv(a, b) : ir::TruncDiv(a, b); }
Expr ModOf(Expr a, Expr b, bool floor) { return floor ? ir::FloorMod(a, b) : ir::TruncMod(a, b); }

// Multiplies out `e` into literals (into *scale) and other factors (into *product).
template <typename Mul>
void CollectFactors(Expr e, Expr* product, int64_t* scale, Mul&& checked_mul) {
  if (const auto* mul = Match(ExprKind::kMul, e)) {
    CollectFactors(mul->a, product, scale, checked_mul);
    CollectFactors(mul->b, product, scale, checked_mul);
  } else if (IsConst(e)) {
    *scale = checked_mul(*scale, ConstOfNode(e));
  } else {
    *product = *product ? ir::Mul(*product, e) : e;
  }
}

}  // namespace

bool TermSum::DivisibleBy(int64_t divisor) const {
  if (base % divisor != 0) return false;
  for (const SplitTerm& term : terms) {
    if (term.scale % divisor != 0) return false;
  }
  return true;
}

int64_t CanonicalSimplifier::CheckedMul(int64_t a, int64_t b) {
  int64_t out;
  if (__builtin_mul_overflow(a, b, &out) || out == INT64_MIN || out == INT64_MAX) {
    overflow_ = true;
    return 1;
  }
  return out;
}

int64_t CanonicalSimplifier::CheckedAdd(int64_t a, int64_t b) {
  int64_t out;
  if (__builtin_add_overflow(a, b, &out) || out == INT64_MIN) {
    overflow_ = true;
    return 0;
  }
  return out;
}

Expr CanonicalSimplifier::Literal(DataType dtype, int64_t value) {
  if (!FitsType(dtype, value)) overflow_ = true;
  return ir::IntImm(dtype, value);
}

// ---- sums

void CanonicalSimplifier::AddTerm(TermSum& sum, SplitTerm term, int64_t scale) {
  term.scale = CheckedMul(term.scale, scale);
  if (term.scale == 0) return;
  auto& terms = sum.terms;
  size_t i = 0;
  while (i < terms.size() && !Same(terms[i].index, term.index)) ++i;
  for (; i < terms.size(); ++i) {
    SplitTerm& other = terms[i];
    if (!Same(other.index, term.index) || term.lower > other.lower) {
      terms.Insert(i, term);
      return;
    }
    if (term.lower == other.lower && term.upper == other.upper && term.FitsMode(other.floor)) {
      other.scale = CheckedAdd(other.scale, term.scale);
      return;
    }
  }
  terms.push_back(term);
}

void CanonicalSimplifier::AddSum(TermSum& sum, const TermSum& other, int64_t scale) {
  for (const SplitTerm& term : other.terms) AddTerm(sum, term, scale);
  sum.base = CheckedAdd(sum.base, CheckedMul(other.base, scale));
}

void CanonicalSimplifier::Scale(TermSum& sum, int64_t factor) {
  for (SplitTerm& term : sum.terms) term.scale = CheckedMul(term.scale, factor);
  sum.base = CheckedMul(sum.base, factor);
  if (factor == 0) sum.terms.clear();
}

// Joins neighbours of the same index: equal ones, and (x / (c * s)) * s + (x % (c * s)) / c = x / c (scaled).
void CanonicalSimplifier::MergeTerms(TermSum& sum) {
  auto& terms = sum.terms;
  for (size_t i = 0; i < terms.size(); ++i) {
    SplitTerm& high = terms[i];
    for (size_t j = i + 1; j < terms.size() && high.scale != 0; ++j) {
      SplitTerm& low = terms[j];
      if (low.scale == 0) continue;
      if (!Same(high.index, low.index)) break;
      if (!high.FitsMode(low.floor) && !low.FitsMode(high.floor)) continue;
      if (high.lower == low.lower && high.upper == low.upper) {
        low.scale = CheckedAdd(low.scale, high.scale);
        high.scale = 0;
        break;
      }
      // high = (x % u) / (c * s) * (s * k), low = (x % (c * s)) / c * k.
      if (low.upper == SplitTerm::kNoUpper || high.lower != low.upper || high.scale % low.scale != 0) continue;
      const int64_t s = high.scale / low.scale;
      if (s <= 0 || high.lower % s != 0 || high.lower / s != low.lower) continue;
      const bool floor = low.FitsMode(high.floor) ? high.floor : low.floor;
      low.upper = high.upper;
      low.floor = floor;
      high.scale = 0;
      break;
    }
  }
  size_t kept = 0;
  for (size_t i = 0; i < terms.size(); ++i) {
    if (terms[i].scale == 0) continue;
    if (kept != i) terms[kept] = terms[i];
    ++kept;
  }
  terms.Truncate(kept);
}

Expr CanonicalSimplifier::Normalize(const SplitTerm& term, DataType dtype, bool negate) {
  Expr out = term.index;
  if (term.upper != SplitTerm::kNoUpper) out = ModOf(out, Literal(dtype, term.upper), term.floor);
  if (term.lower != 1) out = DivOf(out, Literal(dtype, term.lower), term.floor);
  const int64_t scale = negate ? -term.scale : term.scale;
  if (scale == 0) return ir::IntImm(dtype, 0);
  if (scale != 1) out = ir::Mul(out, Literal(dtype, scale));
  return out;
}

// Positive terms, a positive literal, then what is subtracted.
Expr CanonicalSimplifier::Normalize(const TermSum& original) {
  const DataType dtype = original.dtype;
  if (original.terms.empty()) return Literal(dtype, original.base);
  if (original.terms.size() == 1 && original.base == 0 && original.terms[0].scale > 0) {
    return Normalize(original.terms[0], dtype);
  }
  TermSum sum = original;
  MergeTerms(sum);
  Expr out;
  auto add = [&](Expr e) { out = out ? ir::Add(out, e) : e; };
  for (const SplitTerm& term : sum.terms) {
    if (term.scale > 0) add(Normalize(term, dtype));
  }
  if (sum.base > 0) add(Literal(dtype, sum.base));
  if (!out) out = ir::IntImm(dtype, 0);
  for (const SplitTerm& term : sum.terms) {
    if (term.scale < 0) out = ir::Sub(out, Normalize(term, dtype, /*negate=*/true));
  }
  if (sum.base < 0) {
    // The least value has no positive counterpart.
    out = FitsType(dtype, -static_cast<__int128>(sum.base)) ? ir::Sub(out, Literal(dtype, -sum.base))
                                                            : ir::Add(out, Literal(dtype, sum.base));
  }
  return out;
}

TermSum CanonicalSimplifier::SumOf(SplitTerm term, DataType dtype) {
  TermSum out;
  out.dtype = dtype;
  if (const auto* imm = term.index.as<ir::IntImmNode>();
      imm != nullptr && term.lower == 1 && term.upper == SplitTerm::kNoUpper) {
    out.base = CheckedMul(CheckedAdd(imm->value, 0), term.scale);
  } else if (term.scale != 0) {
    out.terms.push_back(term);
  }
  return out;
}

TermSum CanonicalSimplifier::SumOf(Expr e) { return SumOf(SplitTerm{.index = e}, e.dtype()); }

SplitTerm CanonicalSimplifier::ToTerm(const TermSum& sum) {
  if (sum.base == 0 && sum.terms.size() == 1) return sum.terms[0];
  return SplitTerm{.index = Normalize(sum)};
}

// ---- terms

SplitTerm CanonicalSimplifier::ConvertMode(SplitTerm term, DataType dtype, bool floor) {
  if (term.FitsMode(floor)) {
    term.floor = floor;
    return term;
  }
  if (NonNegative(term.index)) {
    term.floor = floor;  // Both roundings agree.
    return term;
  }
  return SplitTerm{.index = Normalize(term, dtype), .floor = floor};
}

SplitTerm CanonicalSimplifier::DivTerm(SplitTerm term, DataType dtype, int64_t divisor, bool floor) {
  term = ConvertMode(term, dtype, floor);
  if (term.scale % divisor == 0) {
    term.scale /= divisor;
    return term;
  }
  if (term.scale > 0 && divisor % term.scale == 0) {
    const int64_t lower = CheckedMul(term.lower, divisor / term.scale);
    if (term.upper != SplitTerm::kNoUpper && term.upper % lower != 0) {
      if (term.upper <= lower) {
        // |x % upper| < upper <= lower.
        return SplitTerm{.index = ir::IntImm(dtype, 0), .floor = floor};
      }
      term.index = ModOf(term.index, Literal(dtype, term.upper), floor);
      term.upper = SplitTerm::kNoUpper;
    }
    // x % l / l is zero.
    if (term.upper == lower && lower != SplitTerm::kNoUpper)
      return SplitTerm{.index = ir::IntImm(dtype, 0), .floor = floor};
    term.scale = 1;
    term.lower = lower;
    return term;
  }
  return SplitTerm{.index = Normalize(term, dtype), .lower = divisor, .floor = floor};
}

SplitTerm CanonicalSimplifier::ModTerm(SplitTerm term, DataType dtype, int64_t divisor, bool floor) {
  term = ConvertMode(term, dtype, floor);
  if (term.scale % divisor == 0) return SplitTerm{.index = ir::IntImm(dtype, 0), .floor = floor};
  if (term.scale > 0 && divisor % term.scale == 0) {
    // (x / c1 * s) % (s * c2) = x % (c1 * c2) / c1 * s.
    const int64_t upper = CheckedMul(term.lower, divisor / term.scale);
    if (term.upper == SplitTerm::kNoUpper) {
      term.upper = upper;
      return term;
    }
    if (term.upper % upper == 0) {
      if (upper == term.upper) return term;
      // A smaller remainder of the index: it may simplify further.
      const TermSum inner = ToSum(ModOf(term.index, Literal(dtype, upper), floor));
      SplitTerm out = ToTerm(inner);
      if (inner.IsConst()) out = SplitTerm{.index = Literal(dtype, inner.base), .floor = floor};
      if (term.lower != 1) out = DivTerm(out, dtype, term.lower, floor);
      out.scale = CheckedMul(out.scale, term.scale);
      return out;
    }
    if (upper % term.upper == 0) return term;
  }
  return SplitTerm{.index = Normalize(term, dtype), .upper = divisor, .floor = floor};
}

// ---- expressions

Expr CanonicalSimplifier::Visit(Expr e) {
  switch (e.kind()) {
    case ExprKind::kIntImm:
    case ExprKind::kFloatImm:
    case ExprKind::kStringImm:
    case ExprKind::kVar:
      return VisitNode(e);
    default:
      break;
  }
  if (e.dtype().is_index() && IsArithmeticKind(e.kind())) {
    const Expr out = Normalize(ToSum(e));
    return Same(out, e) ? e : out;
  }
  if (e.kind() == ExprKind::kLT) {
    const auto* node = static_cast<const ir::BinaryNode*>(e.get());
    if (node->a.dtype().is_index()) return VisitLess(node);
  }
  return VisitNode(e);
}

TermSum CanonicalSimplifier::ToSum(Expr e) {
  TermSum sum;
  switch (e.kind()) {
    case ExprKind::kIntImm:
      sum.dtype = e.dtype();
      sum.base = CheckedAdd(ConstOfNode(e), 0);
      return sum;
    case ExprKind::kAdd:
    case ExprKind::kSub: {
      const auto* node = static_cast<const ir::BinaryNode*>(e.get());
      sum = ToSum(node->a);
      AddSum(sum, ToSum(node->b), e.kind() == ExprKind::kAdd ? 1 : -1);
      return sum;
    }
    case ExprKind::kMul:
      return MulToSum(static_cast<const ir::BinaryNode*>(e.get()));
    case ExprKind::kDiv:
    case ExprKind::kFloorDiv:
      return DivToSum(static_cast<const ir::BinaryNode*>(e.get()), e.kind() == ExprKind::kFloorDiv);
    case ExprKind::kMod:
    case ExprKind::kFloorMod:
      return ModToSum(static_cast<const ir::BinaryNode*>(e.get()), e.kind() == ExprKind::kFloorMod);
    case ExprKind::kCast:
      return CastToSum(static_cast<const ir::CastNode*>(e.get()));
    default: {
      const Expr value = Visit(e);
      // A variable's value, or what a rule gave.
      if (value != e && IsArithmeticKind(value.kind()) && analyzer_.depth_ < 8) {
        ++analyzer_.depth_;
        sum = ToSum(value);
        --analyzer_.depth_;
        return sum;
      }
      return SumOf(value);
    }
  }
}

TermSum CanonicalSimplifier::MulToSum(const ir::BinaryNode* node) {
  TermSum a = ToSum(node->a);
  TermSum b = ToSum(node->b);
  if (a.IsConst()) std::swap(a, b);
  if (b.IsConst()) {
    Scale(a, b.base);
    return a;
  }
  int64_t scale = 1;
  Expr product;
  auto checked = [&](int64_t x, int64_t y) { return CheckedMul(x, y); };
  CollectFactors(Normalize(a), &product, &scale, checked);
  CollectFactors(Normalize(b), &product, &scale, checked);
  if (Same(product, node)) product = node;
  return SumOf(SplitTerm{.index = product, .scale = scale}, node->dtype);
}

namespace {

// The terms that `divisor` divides, and the others; the base goes as a whole.
void Separate(const TermSum& sum, int64_t divisor, TermSum* divisible, TermSum* rest) {
  divisible->dtype = rest->dtype = sum.dtype;
  (sum.base % divisor == 0 ? divisible : rest)->base = sum.base;
  for (const SplitTerm& term : sum.terms) {
    (term.scale % divisor == 0 ? divisible : rest)->terms.push_back(term);
  }
}

}  // namespace

TermSum CanonicalSimplifier::DivToSum(const ir::BinaryNode* node, bool floor) {
  const DataType dtype = node->dtype;
  TermSum a = ToSum(node->a);
  const TermSum b = ToSum(node->b);
  const int64_t divisor = b.IsConst() ? b.base : 0;
  if (divisor <= 0 || divisor == SplitTerm::kNoUpper) {
    const Expr x = Normalize(a);
    const Expr y = Normalize(b);
    return SumOf(x == node->a && y == node->b ? Expr(node) : DivOf(x, y, floor));
  }
  if (divisor == 1) return a;
  if (a.IsConst()) {
    a.base = floor ? ir::FloorDivInt(a.base, divisor) : a.base / divisor;
    return a;
  }
  TermSum whole;
  TermSum rest;
  Separate(a, divisor, &whole, &rest);
  auto divide = [&](TermSum& sum) {
    for (SplitTerm& term : sum.terms) term.scale /= divisor;
    sum.base /= divisor;
  };
  if (rest.terms.empty() && rest.base == 0) {
    divide(whole);
    return whole;
  }
  const Expr rest_expr = Normalize(rest);
  const ConstIntBound bound = analyzer_.const_int_bound(rest_expr);
  if (!floor) {
    // Truncation takes a sum apart only when nothing is negative.
    if (bound.min_value < 0 || (!whole.terms.empty() && !NonNegative(Normalize(whole))) || whole.base < 0) {
      const ConstIntBound all = analyzer_.const_int_bound(Normalize(a));
      if (all.min_value > -divisor && all.max_value < divisor) {
        TermSum zero;
        zero.dtype = dtype;
        return zero;
      }
      return SumOf(DivTerm(ToTerm(a), dtype, divisor, floor), dtype);
    }
  }
  divide(whole);
  if (IsConst(rest_expr)) {
    whole.base = CheckedAdd(whole.base, ir::FloorDivInt(ConstOfNode(rest_expr), divisor));
    return whole;
  }
  if (bound.min_value >= 0 && bound.max_value < divisor) return whole;
  MergeTerms(rest);
  AddSum(whole, SumOf(DivTerm(ToTerm(rest), dtype, divisor, floor), dtype), 1);
  return whole;
}

TermSum CanonicalSimplifier::ModToSum(const ir::BinaryNode* node, bool floor) {
  const DataType dtype = node->dtype;
  TermSum a = ToSum(node->a);
  const TermSum b = ToSum(node->b);
  const int64_t divisor = b.IsConst() ? b.base : 0;
  if (divisor <= 0 || divisor == SplitTerm::kNoUpper) {
    const Expr x = Normalize(a);
    const Expr y = Normalize(b);
    return SumOf(x == node->a && y == node->b ? Expr(node) : ModOf(x, y, floor));
  }
  if (a.IsConst()) {
    a.base = floor ? ir::FloorModInt(a.base, divisor) : a.base % divisor;
    return a;
  }
  TermSum whole;
  TermSum rest;
  Separate(a, divisor, &whole, &rest);
  if (!floor) {
    // Truncation drops multiples only when nothing is negative (or nothing else is left).
    const bool exact = rest.terms.empty() && rest.base == 0;
    const bool drops = exact || (NonNegative(Normalize(rest)) && NonNegative(Normalize(whole)));
    if (!drops) rest = a;
  }
  MergeTerms(rest);
  if (rest.terms.empty()) {
    rest.base = floor ? ir::FloorModInt(rest.base, divisor) : rest.base % divisor;
    return rest;
  }
  const ConstIntBound bound = analyzer_.const_int_bound(Normalize(rest));
  if (bound.max_value < divisor && (bound.min_value >= 0 || (!floor && bound.min_value > -divisor))) return rest;
  if (floor) rest.base = ir::FloorModInt(rest.base, divisor);
  return SumOf(ModTerm(ToTerm(rest), dtype, divisor, floor), dtype);
}

TermSum CanonicalSimplifier::CastToSum(const ir::CastNode* node) {
  const DataType from = node->value.dtype();
  const DataType to = node->dtype;
  if (!from.is_index()) return SumOf(VisitNode(node));
  TermSum sum = ToSum(node->value);
  MergeTerms(sum);
  if (to.bits < from.bits) {
    // Every step of the narrow evaluation must fit.
    const ConstIntBound all = ConstIntBound::Everything(to);
    ConstIntBound total = ConstIntBound::Point(0);
    bool fits = FitsType(to, sum.base);
    for (const SplitTerm& term : sum.terms) {
      const Expr e = Normalize(term, from);
      const ConstIntBound bound = analyzer_.const_int_bound(e);
      total = {InfAdd(total.min_value, std::min<int64_t>(bound.min_value, 0)),
               InfAdd(total.max_value, std::max<int64_t>(bound.max_value, 0))};
      fits = fits && FitsType(to, term.scale) && FitsType(to, term.lower) &&
             (term.upper == SplitTerm::kNoUpper || FitsType(to, term.upper)) && all.Contains(bound) &&
             all.Contains(analyzer_.const_int_bound(term.index));
    }
    total = {InfAdd(total.min_value, std::min<int64_t>(sum.base, 0)),
             InfAdd(total.max_value, std::max<int64_t>(sum.base, 0))};
    if (!fits || !all.Contains(total)) {
      const Expr value = Normalize(sum);
      return SumOf(value == node->value ? Expr(node) : ir::Cast(to, value));
    }
  }
  for (SplitTerm& term : sum.terms) {
    const auto* inner = term.index.as<ir::CastNode>();
    const bool there_and_back =
        inner != nullptr && inner->value.dtype() == to && inner->dtype.is_index() && inner->dtype.bits >= to.bits;
    term.index = there_and_back ? inner->value : ir::Cast(to, term.index);
  }
  sum.dtype = to;
  return sum;
}

// x0 * s0 + ... + rest < 0, where d divides all s and 0 <= rest < d, is x0 * (s0 / d) + ... < 0.
Expr CanonicalSimplifier::VisitLess(const ir::BinaryNode* node) {
  TermSum sum = ToSum(node->a);
  AddSum(sum, ToSum(node->b), -1);
  MergeTerms(sum);
  int64_t gcd = std::abs(sum.base);
  bool scaled = false;
  for (const SplitTerm& term : sum.terms) {
    if (std::abs(term.scale) <= 1) continue;
    scaled = true;
    gcd = ZeroAwareGcd(gcd, std::abs(term.scale));
  }
  if (!scaled || gcd <= 1 || overflow_) return VisitNode(node);
  TermSum whole;
  TermSum rest;
  Separate(sum, gcd, &whole, &rest);
  if (whole.terms.empty()) return VisitNode(node);
  const DataType dtype = sum.dtype;
  const Expr zero = ir::IntImm(dtype, 0);
  auto divide = [&] {
    for (SplitTerm& term : whole.terms) term.scale /= gcd;
    whole.base /= gcd;
  };
  const Expr rest_expr = Normalize(rest);
  const ConstIntBound bound = analyzer_.const_int_bound(rest_expr);
  if (bound.min_value >= 0 && bound.max_value < gcd) {
    divide();
    return VisitNode(ir::MakeBinary(ExprKind::kLT, Normalize(whole), zero));
  }
  if (rest.terms.size() == 1) {
    // rest = x % m / l with d * l dividing m: its part below d does not matter.
    const SplitTerm& term = rest.terms[0];
    const int64_t lower = CheckedMul(gcd, term.lower);
    if (term.floor && term.scale == 1 && term.upper != SplitTerm::kNoUpper && !overflow_ && term.upper % lower == 0) {
      divide();
      const Expr high =
          ir::FloorMod(ir::FloorDiv(term.index, Literal(dtype, lower)), Literal(dtype, term.upper / lower));
      return VisitNode(ir::MakeBinary(ExprKind::kLT, ir::Add(Normalize(whole), high), zero));
    }
  }
  return VisitNode(node);
}

}  // namespace hone::arith
