// Rules of min and max for index types. `kind` is one of them, `other` its opposite; what holds for one holds for the
// other with every order turned round.
#include "common/arith/rewrite_simplify.h"

namespace hone::arith {

using ir::Expr;
using ir::ExprKind;

namespace {

ExprKind Opposite(ExprKind kind) { return kind == ExprKind::kMin ? ExprKind::kMax : ExprKind::kMin; }
int64_t Extreme(ExprKind kind, int64_t x, int64_t y) { return (kind == ExprKind::kMin) == (x < y) ? x : y; }
Expr Int(Expr like, int64_t value) { return ir::IntImm(like.dtype(), value); }

// `e` is one of the operands of the chain of `kind` that `chain` is.
bool InChain(ExprKind kind, Expr chain, Expr e, int depth = 6) {
  if (Same(chain, e)) return true;
  const auto* op = Match(kind, chain);
  return op != nullptr && depth > 0 && (InChain(kind, op->a, e, depth - 1) || InChain(kind, op->b, e, depth - 1));
}

}  // namespace

Expr RewriteSimplifier::MinMaxRules(ExprKind kind, Expr a, Expr b) {
  if (!Pure(a) || !Pure(b)) return {};
  if (Same(a, b)) return Fired("min(x, x)", a);
  const bool is_min = kind == ExprKind::kMin;
  const ConstIntBound x = analyzer_.const_int_bound(a);
  const ConstIntBound y = analyzer_.const_int_bound(b);
  if (x.max_value <= y.min_value) return Fired("min(x, y) by bounds, the first", is_min ? a : b);
  if (y.max_value <= x.min_value) return Fired("min(x, y) by bounds, the second", is_min ? b : a);
  if (InChain(kind, a, b)) return Fired("min(min(x, y), x)", a);
  if (InChain(kind, b, a)) return Fired("min(x, min(x, y))", b);
  // min(max(x, y), x), and min(max(x, y), min(x, y)).
  const ExprKind other = Opposite(kind);
  if (a.kind() == other && InChain(other, a, b)) return Fired("min(max(x, y), x)", b);
  if (b.kind() == other && InChain(other, b, a)) return Fired("min(x, max(x, y))", a);
  if (a.kind() == other && b.kind() == kind) {
    const auto* op = b.as<ir::BinaryNode>();
    if (InChain(other, a, op->a) || InChain(other, a, op->b)) return Fired("min(max(x, y), min(x, z))", b);
  }
  if (b.kind() == other && a.kind() == kind) {
    const auto* op = a.as<ir::BinaryNode>();
    if (InChain(other, b, op->a) || InChain(other, b, op->b)) return Fired("min(min(x, z), max(x, y))", a);
  }
  if (Expr out = MinMaxConstRules(kind, a, b)) return out;
  if (Expr out = MinMaxDivModRules(kind, a, b)) return out;
  if (Expr out = MinMaxShareRules(kind, a, b)) return out;
  // The difference of the operands is not looked at: the peer keeps min(x // 2, (x + 1) // 2 + 1), and whether an
  // extent becomes a literal decides what primitives do. Known comparisons do count.
  if (!analyzer_.facts_.empty()) {
    const CompareResult order = analyzer_.CompareByFacts(a, b);
    if (order == CompareResult::kLE || order == CompareResult::kLT || order == CompareResult::kEQ) {
      return Fired("min(x, y) by known comparisons, the first", is_min ? a : b);
    }
    if (order == CompareResult::kGE || order == CompareResult::kGT)
      return Fired("min(x, y) by known comparisons, the second", is_min ? b : a);
  }
  const auto* sa = a.as<ir::SelectNode>();
  const auto* sb = b.as<ir::SelectNode>();
  if (sa != nullptr && sb != nullptr && Same(sa->condition, sb->condition)) {
    return Fired("min(select(c, x, y), select(c, z, w))",
                 Again(ir::MakeSelect(sa->condition, ir::Binary(kind, sa->true_value, sb->true_value),
                                      ir::Binary(kind, sa->false_value, sb->false_value))));
  }
  return {};
}

Expr RewriteSimplifier::MinMaxConstRules(ExprKind kind, Expr a, Expr b) {
  if (IsConst(a)) return Fired("min(c, x)", Again(ir::Binary(kind, b, a)));
  // x + c1 against x + c2, and c1 - x against c2 - x.
  const Scaled left = MatchOffset(a).value_or(Scaled{a, 0});
  const Scaled right = MatchOffset(b).value_or(Scaled{b, 0});
  if ((left.c != 0 || right.c != 0) && Same(left.x, right.x)) {
    return Fired("min(x + c1, x + c2)", Extreme(kind, left.c, right.c) == left.c ? a : b);
  }
  const auto x = MatchReversed(a);
  const auto y = MatchReversed(b);
  if (x && y && Same(x->x, y->x)) return Fired("min(c1 - x, c2 - x)", Extreme(kind, x->c, y->c) == x->c ? a : b);
  const auto* inner = Match(kind, a);
  if (IsConst(b)) {
    const int64_t c = ConstOfNode(b);
    if (inner != nullptr && IsConst(inner->b)) {
      return Fired("min(min(x, c1), c2)", ir::Binary(kind, inner->a, Int(a, Extreme(kind, ConstOfNode(inner->b), c))));
    }
    // min(x * c1, c2) with c1 dividing c2.
    if (auto scaled = MatchScaled(a); scaled && scaled->c != 0 && scaled->c != -1 && c % scaled->c == 0) {
      const ExprKind flipped = scaled->c > 0 ? kind : Opposite(kind);
      return Fired("min(x * c1, c2)",
                   Again(ir::Mul(ir::Binary(flipped, scaled->x, Int(a, c / scaled->c)), Int(a, scaled->c))));
    }
    // min(c1 - x, c2).
    if (x && c != 0) {
      const Expr bound = Imm(a.dtype(), static_cast<__int128>(x->c) - c);
      if (bound) return Fired("min(c1 - x, c2)", Again(ir::Sub(Int(a, x->c), ir::Binary(Opposite(kind), x->x, bound))));
    }
    return {};
  }
  // The literal moves outward: min(min(x, c), y) = min(min(x, y), c).
  if (inner != nullptr && IsConst(inner->b)) {
    return Fired("min(min(x, c), y)", Again(ir::Binary(kind, ir::Binary(kind, inner->a, b), inner->b)));
  }
  if (const auto* op = Match(kind, b); op != nullptr && IsConst(op->b)) {
    return Fired("min(x, min(y, c))", Again(ir::Binary(kind, ir::Binary(kind, a, op->a), op->b)));
  }
  return {};
}

// Rounding down to a multiple, and common scales and divisors.
Expr RewriteSimplifier::MinMaxDivModRules(ExprKind kind, Expr a, Expr b) {
  const bool is_min = kind == ExprKind::kMin;
  for (const auto& [rounded, x] : {std::pair{a, b}, std::pair{b, a}}) {
    // (y // c) * c <= y, and x <= ((x + c - 1) // c) * c.
    const auto scaled = MatchScaled(rounded);
    const auto* div = scaled ? Match(ExprKind::kFloorDiv, scaled->x) : nullptr;
    if (div == nullptr || !ir::IsConstInt(div->b, scaled->c) || scaled->c <= 0) continue;
    if (Same(div->a, x)) return Fired("min((x // c) * c, x)", is_min ? rounded : x);
    if (auto offset = MatchOffset(div->a); offset && Same(offset->x, x)) {
      if (offset->c >= scaled->c - 1) return Fired("min(((x + c1) // c) * c, x), c1 >= c - 1", is_min ? x : rounded);
      if (offset->c <= 0) return Fired("min(((x - c1) // c) * c, x)", is_min ? rounded : x);
    }
  }
  const auto x = MatchScaled(a);
  const auto y = MatchScaled(b);
  if (x && y && x->c == y->c && x->c != 0) {
    const ExprKind flipped = x->c > 0 ? kind : Opposite(kind);
    return Fired("min(x * c, y * c)", Again(ir::Mul(ir::Binary(flipped, x->x, y->x), Int(a, x->c))));
  }
  for (ExprKind div : {ExprKind::kFloorDiv, ExprKind::kDiv}) {
    const auto* p = Match(div, a);
    const auto* q = Match(div, b);
    if (p == nullptr || q == nullptr || !IsConst(p->b) || !Same(p->b, q->b) || ConstOfNode(p->b) == 0) continue;
    const ExprKind flipped = ConstOfNode(p->b) > 0 ? kind : Opposite(kind);
    return Fired("min(x / c, y / c)", Again(ir::Binary(div, ir::Binary(flipped, p->a, q->a), p->b)));
  }
  return {};
}

// What both operands share moves out.
Expr RewriteSimplifier::MinMaxShareRules(ExprKind kind, Expr a, Expr b) {
  const ExprKind other = Opposite(kind);
  auto shared = [](const ir::BinaryNode* p, const ir::BinaryNode* q, auto make) -> Expr {
    if (Same(p->a, q->a)) return make(p->b, q->b, p->a);
    if (Same(p->a, q->b)) return make(p->b, q->a, p->a);
    if (Same(p->b, q->a)) return make(p->a, q->b, p->b);
    if (Same(p->b, q->b)) return make(p->a, q->a, p->b);
    return {};
  };
  if (a.kind() == other && b.kind() == other) {
    // min(max(x, y), max(x, z)) = max(min(y, z), x).
    if (Expr out = shared(a.as<ir::BinaryNode>(), b.as<ir::BinaryNode>(), [&](Expr y, Expr z, Expr x) {
          return Fired("min(max(x, y), max(x, z))", Again(ir::Binary(other, ir::Binary(kind, y, z), x)));
        })) {
      return out;
    }
  }
  if (a.kind() == kind && b.kind() == kind) {
    if (Expr out = shared(a.as<ir::BinaryNode>(), b.as<ir::BinaryNode>(), [&](Expr y, Expr z, Expr x) {
          return Fired("min(min(x, y), min(x, z))", Again(ir::Binary(kind, ir::Binary(kind, y, z), x)));
        })) {
      return out;
    }
  }
  if (a.kind() == ExprKind::kAdd && b.kind() == ExprKind::kAdd) {
    if (Expr out = shared(a.as<ir::BinaryNode>(), b.as<ir::BinaryNode>(), [&](Expr y, Expr z, Expr x) {
          return Fired("min(x + y, x + z)", Again(ir::Add(ir::Binary(kind, y, z), x)));
        })) {
      return out;
    }
  }
  const auto* p = Match(ExprKind::kSub, a);
  const auto* q = Match(ExprKind::kSub, b);
  if (p != nullptr && q != nullptr) {
    if (Same(p->b, q->b)) return Fired("min(x - y, z - y)", Again(ir::Sub(ir::Binary(kind, p->a, q->a), p->b)));
    if (Same(p->a, q->a)) return Fired("min(x - y, x - z)", Again(ir::Sub(p->a, ir::Binary(other, p->b, q->b))));
  }
  return {};
}

}  // namespace hone::arith
