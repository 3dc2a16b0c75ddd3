// Rules of conjunctions and disjunctions.
#include "common/arith/rewrite_simplify.h"

namespace hone::arith {

using ir::Expr;
using ir::ExprKind;

namespace {

// A comparison of index types that bounds `x` by a literal: x < c, x <= c, c < x, c <= x, x == c, x != c.
struct Bound {
  Expr x;
  ConstIntBound range;  // Where the condition is true; for `hole`, the point where it is false.
  bool hole = false;
};

std::optional<Bound> MatchBound(Expr e) {
  const auto* op = e.as<ir::BinaryNode>();
  if (op == nullptr || !IsComparison(op->kind) || !op->a.dtype().is_index()) return std::nullopt;
  constexpr int64_t kInf = ConstIntBound::kPosInf;
  constexpr int64_t kMinusInf = ConstIntBound::kNegInf;
  if (IsConst(op->b)) {
    const int64_t c = ConstOfNode(op->b);
    if (c <= kMinusInf + 1 || c >= kInf - 1) return std::nullopt;
    switch (op->kind) {
      case ExprKind::kLT:
        return Bound{op->a, {kMinusInf, c - 1}};
      case ExprKind::kLE:
        return Bound{op->a, {kMinusInf, c}};
      case ExprKind::kEQ:
        return Bound{op->a, {c, c}};
      case ExprKind::kNE:
        return Bound{op->a, {c, c}, /*hole=*/true};
      default:
        return std::nullopt;
    }
  }
  if (IsConst(op->a)) {
    const int64_t c = ConstOfNode(op->a);
    if (c <= kMinusInf + 1 || c >= kInf - 1) return std::nullopt;
    if (op->kind == ExprKind::kLT) return Bound{op->b, {c + 1, kInf}};
    if (op->kind == ExprKind::kLE) return Bound{op->b, {c, kInf}};
  }
  return std::nullopt;
}

bool InChain(ExprKind kind, Expr chain, Expr e) {
  if (Same(chain, e)) return true;
  const auto* op = Match(kind, chain);
  return op != nullptr && (InChain(kind, op->a, e) || InChain(kind, op->b, e));
}

// x < y or x <= y as {x, y}.
const ir::BinaryNode* Ordered(Expr e) {
  const auto* op = e.as<ir::BinaryNode>();
  return op != nullptr && (op->kind == ExprKind::kLT || op->kind == ExprKind::kLE) && op->a.dtype().is_index()
             ? op
             : nullptr;
}

// The conjunction of two bounds of one expression.
Expr JoinBounds(const Bound& p, Expr a, const Bound& q, Expr b) {
  if (!p.hole && !q.hole) {
    const ConstIntBound common = Intersect(p.range, q.range);
    if (common.min_value > common.max_value) return Fired("x < c1 and c2 < x", ir::BoolImm(false));
    if (common == p.range) return Fired("x < c1 and x < c2, the first is enough", a);
    if (common == q.range) return Fired("x < c1 and x < c2, the second is enough", b);
    return {};
  }
  if (p.hole && q.hole) return {};
  const Bound& range = p.hole ? q : p;
  const Bound& hole = p.hole ? p : q;
  const int64_t point = hole.range.min_value;
  if (point < range.range.min_value || point > range.range.max_value)
    return Fired("x < c1 and x != c2", p.hole ? b : a);
  return {};
}

Expr MeetBounds(const Bound& p, Expr a, const Bound& q, Expr b) {
  if (!p.hole && !q.hole) {
    if (p.range.Contains(q.range)) return Fired("x < c1 or x < c2, the first is enough", a);
    if (q.range.Contains(p.range)) return Fired("x < c1 or x < c2, the second is enough", b);
    const Bound& low = p.range.has_min() ? q : p;
    const Bound& high = p.range.has_min() ? p : q;
    // (.., m] and [n, ..) with n <= m + 1 cover everything.
    if (!low.range.has_min() && low.range.has_max() && high.range.has_min() && !high.range.has_max() &&
        high.range.min_value <= low.range.max_value + 1) {
      return Fired("x < c1 or c2 < x", ir::BoolImm(true));
    }
    return {};
  }
  if (p.hole && q.hole) return Fired("x != c1 or x != c2", p.range == q.range ? Expr() : ir::BoolImm(true));
  const Bound& range = p.hole ? q : p;
  const int64_t point = (p.hole ? p : q).range.min_value;
  if (point >= range.range.min_value && point <= range.range.max_value)
    return Fired("x != c1 or x < c2, true", ir::BoolImm(true));
  return Fired("x != c1 or x < c2", p.hole ? a : b);
}

}  // namespace

Expr RewriteSimplifier::AndRules(Expr a, Expr b) {
  if (a.dtype().is_vector()) return {};
  if (!Pure(a) || !Pure(b)) return {};
  if (InChain(ExprKind::kAnd, a, b)) return Fired("(a and b) and b", a);
  if (InChain(ExprKind::kAnd, b, a)) return Fired("a and (a and b)", b);
  if (Same(Negate(a), b) || Same(a, Negate(b))) return Fired("a and not a", ir::BoolImm(false));
  const auto p = MatchBound(a);
  if (p) {
    if (const auto q = MatchBound(b); q && Same(p->x, q->x)) return JoinBounds(*p, a, *q, b);
  }
  const auto* x = Ordered(a);
  const auto* y = Ordered(b);
  if (x != nullptr && y != nullptr) {
    if (Same(x->a, y->b) && Same(x->b, y->a) && (x->kind == ExprKind::kLT || y->kind == ExprKind::kLT)) {
      return Fired("x < y and y < x", ir::BoolImm(false));
    }
    if (Same(x->a, y->a) && Same(x->b, y->b)) return Fired("x < y and x <= y", x->kind == ExprKind::kLT ? a : b);
  }
  // x // c2 == c1 and x % c2 == c3.
  const auto* e = Match(ExprKind::kEQ, a);
  const auto* f = Match(ExprKind::kEQ, b);
  if (e != nullptr && f != nullptr && IsConst(e->b) && IsConst(f->b)) {
    const auto* div = Match(ExprKind::kFloorDiv, e->a);
    const auto* mod = Match(ExprKind::kFloorMod, f->a);
    int64_t quotient = ConstOfNode(e->b);
    int64_t remainder = ConstOfNode(f->b);
    if (div == nullptr && mod == nullptr) {
      div = Match(ExprKind::kFloorDiv, f->a);
      mod = Match(ExprKind::kFloorMod, e->a);
      std::swap(quotient, remainder);
    }
    if (div != nullptr && mod != nullptr && Same(div->a, mod->a) && IsConst(div->b) && Same(div->b, mod->b) &&
        div->dtype.is_index() && ConstOfNode(div->b) > 0 && remainder >= 0 && remainder < ConstOfNode(div->b)) {
      const Expr value = Imm(div->dtype, static_cast<__int128>(quotient) * ConstOfNode(div->b) + remainder);
      if (value) return Fired("x // c2 == c1 and x % c2 == c3", Again(ir::EQ(div->a, value)));
    }
  }
  return {};
}

Expr RewriteSimplifier::OrRules(Expr a, Expr b) {
  if (a.dtype().is_vector()) return {};
  if (!Pure(a) || !Pure(b)) return {};
  if (InChain(ExprKind::kOr, a, b)) return Fired("(a or b) or b", a);
  if (InChain(ExprKind::kOr, b, a)) return Fired("a or (a or b)", b);
  if (Same(Negate(a), b) || Same(a, Negate(b))) return Fired("a or not a", ir::BoolImm(true));
  const auto p = MatchBound(a);
  if (p) {
    if (const auto q = MatchBound(b); q && Same(p->x, q->x)) return MeetBounds(*p, a, *q, b);
  }
  const auto* x = Ordered(a);
  const auto* y = Ordered(b);
  if (x != nullptr && y != nullptr) {
    // x <= y or y <= x (or y < x).
    if (Same(x->a, y->b) && Same(x->b, y->a) && (x->kind == ExprKind::kLE || y->kind == ExprKind::kLE)) {
      return Fired("x <= y or y <= x", ir::BoolImm(true));
    }
    if (Same(x->a, y->a) && Same(x->b, y->b)) return Fired("x < y or x <= y", x->kind == ExprKind::kLE ? a : b);
  }
  return {};
}

}  // namespace hone::arith
