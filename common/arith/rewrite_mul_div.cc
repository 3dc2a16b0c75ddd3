// Rules of products, quotients and remainders for index types.
#include "common/arith/inf_int.h"
#include "common/arith/plain_division.h"
#include "common/arith/rewrite_simplify.h"

namespace hone::arith {

using ir::DataType;
using ir::Expr;
using ir::ExprKind;

namespace {

bool SamePure(Expr a, Expr b) { return Same(a, b) && Pure(a); }
Expr Int(Expr like, int64_t value) { return ir::IntImm(like.dtype(), value); }

Expr Quotient(Expr a, Expr b, bool floor) { return floor ? ir::FloorDiv(a, b) : ir::TruncDiv(a, b); }
Expr Remainder(Expr a, Expr b, bool floor) { return floor ? ir::FloorMod(a, b) : ir::TruncMod(a, b); }

}  // namespace

Expr RewriteSimplifier::MulRules(Expr a, Expr b) {
  if (IsConst(a)) return Fired("c * x", Again(ir::Mul(b, a)));
  if (IsConst(b)) {
    const int64_t c = ConstOfNode(b);
    if (const auto* add = Match(ExprKind::kAdd, a); add != nullptr && IsConst(add->b)) {
      const Expr product = Imm(a.dtype(), static_cast<__int128>(ConstOfNode(add->b)) * c);
      return Fired("(x + c1) * c2", product ? Again(ir::Add(ir::Mul(add->a, b), product)) : Expr());
    }
    if (auto scaled = MatchScaled(a)) {
      const Expr product = Imm(a.dtype(), static_cast<__int128>(scaled->c) * c);
      return Fired("(x * c1) * c2", product ? ir::Mul(scaled->x, product) : Expr());
    }
    if (const auto* sub = Match(ExprKind::kSub, a); sub != nullptr && c < 0) {
      const Expr positive = Imm(a.dtype(), -static_cast<__int128>(c));
      if (positive) return Fired("(x - y) * -c", Again(ir::Mul(ir::Sub(sub->b, sub->a), positive)));
    }
    return {};
  }
  // min(x, y) * max(x, y).
  const bool extremes = (a.kind() == ExprKind::kMin && b.kind() == ExprKind::kMax) ||
                        (a.kind() == ExprKind::kMax && b.kind() == ExprKind::kMin);
  if (extremes) {
    const auto* x = a.as<ir::BinaryNode>();
    const auto* y = b.as<ir::BinaryNode>();
    if ((Same(x->a, y->a) && Same(x->b, y->b)) || (Same(x->a, y->b) && Same(x->b, y->a))) {
      return Fired("min(x, y) * max(x, y)", Again(ir::Mul(x->a, x->b)));
    }
  }
  // Literals to the right of symbolic products.
  if (auto scaled = MatchScaled(b))
    return Fired("x * (y * c)", Again(ir::Mul(ir::Mul(a, scaled->x), Int(a, scaled->c))));
  if (auto scaled = MatchScaled(a))
    return Fired("(x * c) * y", Again(ir::Mul(ir::Mul(scaled->x, b), Int(a, scaled->c))));
  return {};
}

Expr RewriteSimplifier::DivRules(Expr a, Expr b, bool floor) {
  if (IsConst(b)) {
    const int64_t divisor = ConstOfNode(b);
    if (divisor == 0) return {};
    const ConstIntBound bound = analyzer_.const_int_bound(a);
    if (bound.has_min() && bound.has_max() && bound.min_value <= bound.max_value && divisor > 0) {
      auto op = [&](int64_t x) { return floor ? ir::FloorDivInt(x, divisor) : x / divisor; };
      if (op(bound.min_value) == op(bound.max_value) && Pure(a))
        return Fired("x / c, one quotient by bounds", Int(a, op(bound.min_value)));
    }
    return divisor > 0 ? DivByConstRules(a, divisor, floor) : Expr();
  }
  if (!Pure(b)) return {};
  const ConstIntBound divisor = analyzer_.const_int_bound(b);
  const bool positive = divisor.min_value > 0;
  const bool both = positive && NonNegative(a);
  if (Same(a, b)) return Fired("x / x", Int(a, 1));
  // (x * c1) / (x * c2): the common factor goes for either rounding.
  const auto* mul = Match(ExprKind::kMul, a);
  if (mul != nullptr) {
    if (Same(mul->a, b)) return Fired("(x * y) / x", mul->b);
    if (Same(mul->b, b)) return Fired("(y * x) / x", mul->a);
    const auto* other = Match(ExprKind::kMul, b);
    if (other != nullptr && Same(mul->a, other->a) && Pure(mul->a))
      return Fired("(x * y) / (x * z)", Again(Quotient(mul->b, other->b, floor)));
    if (other != nullptr && Same(mul->b, other->b) && Pure(mul->b))
      return Fired("(y * x) / (z * x)", Again(Quotient(mul->a, other->a, floor)));
  }
  if (both && Pure(a)) {
    const CompareResult order = Compare(a, b);
    if (order == CompareResult::kLT) return Fired("x / y, x < y", Int(a, 0));
  }
  // (x * b + y) / b, and (b + y) / b.
  const auto* add = Match(ExprKind::kAdd, a);
  if (add != nullptr) {
    for (const auto& [first, second] : {std::pair{add->a, add->b}, std::pair{add->b, add->a}}) {
      // Truncation only takes out what has the sign of the sum.
      if (!floor && !(positive && NonNegative(first) && NonNegative(second))) continue;
      if (Same(first, b)) return Fired("(y + x) / y", Again(ir::Add(Quotient(second, b, floor), Int(a, 1))));
      const auto* product = Match(ExprKind::kMul, first);
      if (product == nullptr) continue;
      if (Same(product->b, b)) return Fired("(x * y + z) / y", Again(ir::Add(product->a, Quotient(second, b, floor))));
      if (Same(product->a, b)) return Fired("(y * x + z) / y", Again(ir::Add(product->b, Quotient(second, b, floor))));
    }
  }
  return {};
}

namespace {

// Collects the addends of a sum; subtracted ones with negative = true. At most `Max` of them.
struct Addend {
  Expr e;
  bool negative;
};
constexpr size_t kMaxAddends = 8;
using Addends = absl::InlinedVector<Addend, kMaxAddends>;
bool CollectAddends(Expr e, bool negative, Addends& out) {
  if (const auto* add = Match(ExprKind::kAdd, e)) {
    return CollectAddends(add->a, negative, out) && CollectAddends(add->b, negative, out);
  }
  if (const auto* sub = Match(ExprKind::kSub, e)) {
    return CollectAddends(sub->a, negative, out) && CollectAddends(sub->b, !negative, out);
  }
  if (out.size() == kMaxAddends) return false;
  out.push_back({e, negative});
  return true;
}

Expr AddTo(Expr sum, Expr e, bool negative) {
  if (!sum) return negative ? ir::Sub(ir::IntImm(e.dtype(), 0), e) : e;
  return negative ? ir::Sub(sum, e) : ir::Add(sum, e);
}

// e / divisor when it divides without remainder; null otherwise.
Expr ExactQuotient(Expr e, int64_t divisor) {
  if (IsConst(e)) {
    const int64_t c = ConstOfNode(e);
    return c % divisor == 0 ? ir::IntImm(e.dtype(), c / divisor) : Expr();
  }
  if (auto scaled = MatchScaled(e); scaled && scaled->c % divisor == 0) {
    return ir::Mul(scaled->x, ir::IntImm(e.dtype(), scaled->c / divisor));
  }
  return {};
}

// Separates the addends of `sum` that `divisor` divides (returned divided). False when there are none.
bool SplitDivisible(Expr sum, int64_t divisor, Expr* divided, Expr* rest) {
  if (sum.kind() != ExprKind::kAdd && sum.kind() != ExprKind::kSub) return false;
  Addends addends;
  if (!CollectAddends(sum, false, addends)) return false;
  bool any = false;
  // Added ones first, so that a sum does not start with 0 - x needlessly.
  for (bool negative : {false, true}) {
    for (const Addend& addend : addends) {
      if (addend.negative != negative) continue;
      if (Expr q = ExactQuotient(addend.e, divisor)) {
        *divided = AddTo(*divided, q, negative);
        any = true;
      } else {
        *rest = AddTo(*rest, addend.e, negative);
      }
    }
  }
  return any;
}

// Writes `sum` as high * scale + low, where `scale` is the largest one of its addends that divides `divisor` and
// for which 0 <= low < scale. False when there is none.
template <typename BoundOf>
bool SplitByScale(Expr sum, int64_t divisor, const BoundOf& bound_of, Expr* high, Expr* low, int64_t* scale) {
  if (sum.kind() != ExprKind::kAdd && sum.kind() != ExprKind::kSub) return false;
  Addends addends;
  if (!CollectAddends(sum, false, addends)) return false;
  int64_t limit = INT64_MAX;  // Scales are tried in descending order.
  while (true) {
    int64_t best = 1;
    for (const Addend& addend : addends) {
      const auto scaled = MatchScaled(addend.e);
      if (scaled && scaled->c > best && scaled->c < limit && divisor % scaled->c == 0) best = scaled->c;
    }
    if (best == 1) return false;
    *high = Expr();
    *low = Expr();
    SplitDivisible(sum, best, high, low);
    const ConstIntBound bound = *low ? bound_of(*low) : ConstIntBound::Point(0);
    if (bound.min_value >= 0 && bound.max_value < best) {
      *scale = best;
      return true;
    }
    limit = best;
  }
}

thread_local int plain_divisions = 0;  // Scopes alive.

// The same where `scale` is that of the first addend, which divides `divisor`.
template <typename BoundOf>
bool SplitByFirst(Expr sum, int64_t divisor, const BoundOf& bound_of, Expr* high, Expr* low, int64_t* scale) {
  absl::InlinedVector<Expr, 4> others;
  while (const auto* add = sum.as<ir::AddNode>()) {
    others.push_back(add->b);
    sum = add->a;
  }
  const auto first = MatchScaled(sum);
  if (!first || others.empty() || first->c <= 1 || divisor % first->c != 0) return false;
  Expr rest = others.back();
  for (size_t i = others.size() - 1; i-- > 0;) rest = ir::Add(rest, others[i]);
  const ConstIntBound bound = bound_of(rest);
  if (bound.min_value < 0 || bound.max_value >= first->c) return false;
  *high = first->x;
  *low = rest;
  *scale = first->c;
  return true;
}

}  // namespace

PlainDivisionScope::PlainDivisionScope() { ++plain_divisions; }
PlainDivisionScope::~PlainDivisionScope() { --plain_divisions; }
bool DividesPlainly() { return plain_divisions > 0; }

// a / divisor for a positive literal.
Expr RewriteSimplifier::DivByConstRules(Expr a, int64_t divisor, bool floor) {
  const DataType dtype = a.dtype();
  const Expr b = ir::IntImm(dtype, divisor);
  const ExprKind div_kind = floor ? ExprKind::kFloorDiv : ExprKind::kDiv;
  // (x / c1) / c2.
  if (const auto* inner = Match(div_kind, a); inner != nullptr && IsConst(inner->b) && ConstOfNode(inner->b) > 0) {
    const Expr product = Imm(dtype, static_cast<__int128>(ConstOfNode(inner->b)) * divisor);
    return Fired("x / c1 / c2", product ? Again(Quotient(inner->a, product, floor)) : Expr());
  }
  // (x / c1 + c2) / c3 = (x + c1 * c2) / (c1 * c3).
  if (auto offset = MatchOffset(a)) {
    const auto* inner = Match(div_kind, offset->x);
    if (inner != nullptr && IsConst(inner->b) && ConstOfNode(inner->b) > 0 &&
        (floor || (offset->c >= 0 && NonNegative(inner->a)))) {
      const int64_t c1 = ConstOfNode(inner->b);
      const Expr shift = Imm(dtype, static_cast<__int128>(c1) * offset->c);
      const Expr product = Imm(dtype, static_cast<__int128>(c1) * divisor);
      if (shift && product)
        return Fired("(x / c1 + c2) / c3", Again(Quotient(ir::Add(inner->a, shift), product, floor)));
    }
  }
  // (x * c1) / c2 where one divides the other: exact for either rounding.
  if (auto scaled = MatchScaled(a); scaled && scaled->c > 0) {
    if (scaled->c % divisor == 0)
      return Fired("(x * c1) / c2, c2 divides c1", Again(ir::Mul(scaled->x, Int(a, scaled->c / divisor))));
    if (divisor % scaled->c == 0)
      return Fired("(x * c1) / c2, c1 divides c2", Again(Quotient(scaled->x, Int(a, divisor / scaled->c), floor)));
  }
  // (x % c1) // c2 = (x // c2) % (c1 / c2).
  if (floor && !DividesPlainly()) {
    const auto* mod = Match(ExprKind::kFloorMod, a);
    if (mod != nullptr && IsConst(mod->b) && ConstOfNode(mod->b) > 0 && ConstOfNode(mod->b) % divisor == 0) {
      return Fired("x % c1 // c2", Again(ir::FloorMod(ir::FloorDiv(mod->a, b), Int(a, ConstOfNode(mod->b) / divisor))));
    }
  }
  Expr divided;
  Expr rest;
  if (SplitDivisible(a, divisor, &divided, &rest)) {
    if (!rest) return Fired("(x * c1 + y * c2) / c3, c3 divides both", Again(divided));
    if (floor || (NonNegative(divided) && NonNegative(rest))) {
      return Fired("(x * c1 + y) / c2, c2 divides c1", Again(ir::Add(divided, Quotient(rest, b, floor))));
    }
  }
  // (x * c1 + y) // c2 = x // (c2 / c1) for 0 <= y < c1, c1 dividing c2.
  int64_t scale = 0;
  Expr high;
  Expr low;
  const auto bound_of = [this](Expr e) { return analyzer_.const_int_bound(e); };
  const bool splits = DividesPlainly() ? SplitByFirst(a, divisor, bound_of, &high, &low, &scale)
                                       : SplitByScale(a, divisor, bound_of, &high, &low, &scale);
  if (floor && splits && (!low || Pure(low))) {
    return Fired("(x * c1 + y) // c2, c1 divides c2", Again(ir::FloorDiv(high, Int(a, divisor / scale))));
  }
  // min(x * c1, y) // c2 with c2 dividing c1.
  if (floor && (a.kind() == ExprKind::kMin || a.kind() == ExprKind::kMax)) {
    const auto* op = a.as<ir::BinaryNode>();
    if (ExactQuotient(op->a, divisor) || ExactQuotient(op->b, divisor)) {
      return Fired("min(x * c1, y) // c2", Again(ir::Binary(a.kind(), ir::FloorDiv(op->a, b), ir::FloorDiv(op->b, b))));
    }
  }
  return {};
}

Expr RewriteSimplifier::ModRules(Expr a, Expr b, bool floor) {
  if (IsConst(b)) {
    const int64_t divisor = ConstOfNode(b);
    return divisor > 0 ? ModByConstRules(a, divisor, floor) : Expr();
  }
  if (!Pure(b)) return {};
  if (SamePure(a, b)) return Fired("x % x", Int(a, 0));
  const auto* mul = Match(ExprKind::kMul, a);
  if (mul != nullptr && Pure(a)) {
    if (Same(mul->a, b) || Same(mul->b, b)) return Fired("(x * y) % y", Int(a, 0));
    const auto* other = Match(ExprKind::kMul, b);
    if (other != nullptr && Same(mul->a, other->a) && IsConst(mul->b) && IsConst(other->b) && ConstOfNode(mul->b) > 0 &&
        ConstOfNode(other->b) > 0) {
      return Fired("(x * c1) % (x * c2)", Again(ir::Mul(mul->a, Remainder(mul->b, other->b, floor))));
    }
  }
  if (NonNegative(a) && analyzer_.const_int_bound(b).min_value > 0 && Compare(a, b) == CompareResult::kLT)
    return Fired("x % y, x < y", a);
  if (!floor) return {};
  if (const auto* add = Match(ExprKind::kAdd, a); add != nullptr && Pure(a)) {
    for (const auto& [first, second] : {std::pair{add->a, add->b}, std::pair{add->b, add->a}}) {
      if (Same(first, b)) return Fired("(y + x) % y", Again(ir::FloorMod(second, b)));
      const auto* product = Match(ExprKind::kMul, first);
      if (product != nullptr && (Same(product->a, b) || Same(product->b, b)))
        return Fired("(x * y + z) % y", Again(ir::FloorMod(second, b)));
    }
  }
  return {};
}

// a % divisor for a positive literal.
Expr RewriteSimplifier::ModByConstRules(Expr a, int64_t divisor, bool floor) {
  const DataType dtype = a.dtype();
  const Expr b = ir::IntImm(dtype, divisor);
  const ConstIntBound bound = analyzer_.const_int_bound(a);
  if (bound.min_value >= 0 && bound.max_value < divisor && bound.min_value <= bound.max_value)
    return Fired("x % c, x < c", a);
  const ModularSet set = analyzer_.modular_set(a);
  if (set.coeff != 0 && set.coeff % divisor == 0 && Pure(a) && (floor || set.base % divisor == 0)) {
    return Fired("x % c by the modular set", Int(a, ir::FloorModInt(set.base, divisor)));
  }
  if (!floor) {
    if (auto scaled = MatchScaled(a); scaled && scaled->c > 0 && divisor % scaled->c == 0) {
      // Exact for truncation, too: (x * c) % (c * d) = (x % d) * c.
      return Fired("truncmod(x * c1, c2)",
                   Again(ir::Mul(ir::TruncMod(scaled->x, Int(a, divisor / scaled->c)), Int(a, scaled->c))));
    }
    Expr divided;
    Expr rest;
    if (bound.min_value >= 0 && SplitDivisible(a, divisor, &divided, &rest) && rest && NonNegative(rest)) {
      return Fired("truncmod(x * c1 + y, c2)", Again(ir::TruncMod(rest, b)));
    }
    if (const auto* inner = Match(ExprKind::kMod, a); inner != nullptr && IsConst(inner->b)) {
      const int64_t c = ConstOfNode(inner->b);
      if (c > 0 && c % divisor == 0)
        return Fired("truncmod(truncmod(x, c1), c2), c2 divides c1", Again(ir::TruncMod(inner->a, b)));
      if (c > 0 && c <= divisor) return Fired("truncmod(truncmod(x, c1), c2), c1 <= c2", a);
    }
    return {};
  }
  // (x % c) % d.
  if (const auto* inner = Match(ExprKind::kFloorMod, a); inner != nullptr && IsConst(inner->b)) {
    const int64_t c = ConstOfNode(inner->b);
    if (c > 0 && c % divisor == 0) return Fired("x % c1 % c2", Again(ir::FloorMod(inner->a, b)));
  }
  if (auto scaled = MatchScaled(a)) {
    if (scaled->c > 0 && divisor % scaled->c == 0) {
      return Fired("(x * c1) % c2, c1 divides c2",
                   Again(ir::Mul(ir::FloorMod(scaled->x, Int(a, divisor / scaled->c)), Int(a, scaled->c))));
    }
    const int64_t reduced = ir::FloorModInt(scaled->c, divisor);
    if (reduced != scaled->c)
      return Fired("(x * c1) % c2, c1 outside of [0, c2)", Again(ir::FloorMod(ir::Mul(scaled->x, Int(a, reduced)), b)));
    return {};
  }
  Expr divided;
  Expr rest;
  if (SplitDivisible(a, divisor, &divided, &rest) && Pure(a)) {
    return Fired("(x * c1 + y) % c2, c2 divides c1", rest ? Again(ir::FloorMod(rest, b)) : Int(a, 0));
  }
  // (x * c1 + y) % c2 = (x % (c2 / c1)) * c1 + y for 0 <= y < c1, c1 dividing c2.
  if (const auto* add = Match(ExprKind::kAdd, a)) {
    for (const auto& [first, second] : {std::pair{add->a, add->b}, std::pair{add->b, add->a}}) {
      const auto scaled = MatchScaled(first);
      if (!scaled || scaled->c <= 0 || divisor % scaled->c != 0) continue;
      const ConstIntBound low = analyzer_.const_int_bound(second);
      if (low.min_value >= 0 && low.max_value < scaled->c) {
        const Expr high = ir::FloorMod(scaled->x, Int(a, divisor / scaled->c));
        return Fired("(x * c1 + y) % c2, c1 divides c2", Again(ir::Add(ir::Mul(high, Int(a, scaled->c)), second)));
      }
    }
    // (x + y * c1) % c2 with c1 outside of [0, c2).
    for (const auto& [first, second] : {std::pair{add->a, add->b}, std::pair{add->b, add->a}}) {
      const auto scaled = MatchScaled(first);
      if (!scaled) continue;
      const int64_t reduced = ir::FloorModInt(scaled->c, divisor);
      if (reduced != scaled->c) {
        return Fired("(x * c1 + y) % c2, c1 outside of [0, c2)",
                     Again(ir::FloorMod(ir::Add(second, ir::Mul(scaled->x, Int(a, reduced))), b)));
      }
    }
  }
  return {};
}

}  // namespace hone::arith
