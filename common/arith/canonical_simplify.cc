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
    if (const Expr linear = CanonicalLinear(analyzer_, e)) return Fired("linear sum", linear);
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
        return Fired("sum behind a rule", sum);
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
    return Fired("sum * literal", a);
  }
  int64_t scale = 1;
  Expr product;
  auto checked = [&](int64_t x, int64_t y) { return CheckedMul(x, y); };
  CollectFactors(Normalize(a), &product, &scale, checked);
  CollectFactors(Normalize(b), &product, &scale, checked);
  if (Same(product, node)) product = node;
  NoteRule("product, literals taken out");
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
    return SumOf(x == node->a && y == node->b ? Expr(node) : Fired("sum / x", DivOf(x, y, floor)));
  }
  if (divisor == 1) return Fired("sum / 1", a);
  if (a.IsConst()) {
    a.base = floor ? ir::FloorDivInt(a.base, divisor) : a.base / divisor;
    return Fired("sum / literal, constant", a);
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
    return Fired("sum / literal, divisible", whole);
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
        return Fired("truncdiv(sum, c), |sum| < c", zero);
      }
      return Fired("truncdiv(sum, c), sign unknown", SumOf(DivTerm(ToTerm(a), dtype, divisor, floor), dtype));
    }
  }
  divide(whole);
  if (IsConst(rest_expr)) {
    whole.base = CheckedAdd(whole.base, ir::FloorDivInt(ConstOfNode(rest_expr), divisor));
    return Fired("(divisible + c1) / c2", whole);
  }
  if (bound.min_value >= 0 && bound.max_value < divisor) return Fired("(divisible + rest) / c, rest < c", whole);
  MergeTerms(rest);
  AddSum(whole, SumOf(DivTerm(ToTerm(rest), dtype, divisor, floor), dtype), 1);
  return Fired("(divisible + rest) / c", whole);
}

TermSum CanonicalSimplifier::ModToSum(const ir::BinaryNode* node, bool floor) {
  const DataType dtype = node->dtype;
  TermSum a = ToSum(node->a);
  const TermSum b = ToSum(node->b);
  const int64_t divisor = b.IsConst() ? b.base : 0;
  if (divisor <= 0 || divisor == SplitTerm::kNoUpper) {
    const Expr x = Normalize(a);
    const Expr y = Normalize(b);
    return SumOf(x == node->a && y == node->b ? Expr(node) : Fired("sum % x", ModOf(x, y, floor)));
  }
  if (a.IsConst()) {
    a.base = floor ? ir::FloorModInt(a.base, divisor) : a.base % divisor;
    return Fired("sum % literal, constant", a);
  }
  TermSum whole;
  TermSum rest;
  Separate(a, divisor, &whole, &rest);
  if (!floor) {
    // Truncation drops multiples only when nothing is negative (or nothing else is left).
    const bool exact = rest.terms.empty() && rest.base == 0;
    const bool drops = exact || (NonNegative(Normalize(rest)) && NonNegative(Normalize(whole)));
    if (!drops) {
      NoteRule("truncmod(sum, c), sign unknown");
      rest = a;
    }
  }
  MergeTerms(rest);
  if (rest.terms.empty()) {
    rest.base = floor ? ir::FloorModInt(rest.base, divisor) : rest.base % divisor;
    return Fired("(divisible + c1) % c2", rest);
  }
  const ConstIntBound bound = analyzer_.const_int_bound(Normalize(rest));
  if (bound.max_value < divisor && (bound.min_value >= 0 || (!floor && bound.min_value > -divisor))) {
    return Fired("sum % c, |sum| < c", rest);
  }
  if (floor) rest.base = ir::FloorModInt(rest.base, divisor);
  return Fired("(divisible + rest) % c", SumOf(ModTerm(ToTerm(rest), dtype, divisor, floor), dtype));
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
      NoteRule("narrowing cast that may not fit");
      return SumOf(value == node->value ? Expr(node) : ir::Cast(to, value));
    }
  }
  for (SplitTerm& term : sum.terms) {
    const auto* inner = term.index.as<ir::CastNode>();
    const bool there_and_back =
        inner != nullptr && inner->value.dtype() == to && inner->dtype.is_index() && inner->dtype.bits >= to.bits;
    if (there_and_back) NoteRule("cast there and back");
    term.index = there_and_back ? inner->value : ir::Cast(to, term.index);
  }
  sum.dtype = to;
  return Fired("cast of a sum, term by term", sum);
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
    return Fired("sum * d + rest < 0, rest < d", VisitNode(ir::MakeBinary(ExprKind::kLT, Normalize(whole), zero)));
  }
  if (rest.terms.size() == 1) {
    // rest = x % m / l with d * l dividing m: its part below d does not matter.
    const SplitTerm& term = rest.terms[0];
    const int64_t lower = CheckedMul(gcd, term.lower);
    if (term.floor && term.scale == 1 && term.upper != SplitTerm::kNoUpper && !overflow_ && term.upper % lower == 0) {
      divide();
      const Expr high =
          ir::FloorMod(ir::FloorDiv(term.index, Literal(dtype, lower)), Literal(dtype, term.upper / lower));
      return Fired("sum * d + x % m < 0",
                   VisitNode(ir::MakeBinary(ExprKind::kLT, ir::Add(Normalize(whole), high), zero)));
    }
  }
  return VisitNode(node);
}

}  // namespace hone::arith
