// Rules of comparisons for index types. `>` and `>=` are turned round before they get here.
#include "common/arith/inf_int.h"
#include "common/arith/rewrite_simplify.h"

namespace hone::arith {

using ir::Expr;
using ir::ExprKind;

namespace {

Expr Int(Expr like, int64_t value) { return ir::IntImm(like.dtype(), value); }
Expr Less(Expr a, Expr b) { return ir::LT(a, b); }
Expr Bool(bool value) { return ir::BoolImm(value); }

Expr OtherAddend(Expr e, Expr part) {
  const auto* add = Match(ExprKind::kAdd, e);
  if (add == nullptr) return {};
  if (Same(add->a, part)) return add->b;
  if (Same(add->b, part)) return add->a;
  return {};
}

// Not of a simplified condition, pushed inward.
Expr Inverse(Expr e) {
  const auto* op = e.as<ir::BinaryNode>();
  if (op != nullptr && op->kind == ExprKind::kAnd) return ir::Or(Inverse(op->a), Inverse(op->b));
  if (op != nullptr && op->kind == ExprKind::kOr) return ir::And(Inverse(op->a), Inverse(op->b));
  return Negate(e);
}

}  // namespace

Expr RewriteSimplifier::EqualRules(Expr a, Expr b) {
  if (IsConst(a)) return Fired("c == x", Again(ir::EQ(b, a)));
  const CompareResult order = Compare(a, b);
  if (Pure(a) && Pure(b)) {
    if (order == CompareResult::kEQ) return Fired("x == y, true", Bool(true));
    if (order == CompareResult::kNE || order == CompareResult::kLT || order == CompareResult::kGT)
      return Fired("x == y, false", Bool(false));
  }
  if (!IsConst(b)) return {};
  const int64_t c = ConstOfNode(b);
  if (auto offset = MatchOffset(a)) {
    const Expr moved = Imm(a.dtype(), static_cast<__int128>(c) - offset->c);
    return Fired("x + c1 == c2", moved ? Again(ir::EQ(offset->x, moved)) : Expr());
  }
  if (auto reversed = MatchReversed(a)) {
    const Expr moved = Imm(a.dtype(), static_cast<__int128>(reversed->c) - c);
    return Fired("c1 - x == c2", moved ? Again(ir::EQ(reversed->x, moved)) : Expr());
  }
  if (const auto* mul = Match(ExprKind::kMul, a); mul != nullptr && c == 0) {
    return Fired("x * y == 0", Again(ir::Or(Again(ir::EQ(mul->a, b)), Again(ir::EQ(mul->b, b)))));
  }
  return {};
}

Expr RewriteSimplifier::NotEqualRules(Expr a, Expr b) {
  if (IsConst(a)) return Fired("c != x", Again(ir::NE(b, a)));
  const CompareResult order = Compare(a, b);
  if (Pure(a) && Pure(b)) {
    if (order == CompareResult::kEQ) return Fired("x != y, false", Bool(false));
    if (order == CompareResult::kNE || order == CompareResult::kLT || order == CompareResult::kGT)
      return Fired("x != y, true", Bool(true));
    if (order == CompareResult::kGE) return Fired("x != y, x >= y", Again(Less(b, a)));
    if (order == CompareResult::kLE) return Fired("x != y, x <= y", Again(Less(a, b)));
  }
  const Expr equal = EqualRules(a, b);
  return Fired("x != y as not x == y", equal ? Inverse(equal) : Expr());
}

Expr RewriteSimplifier::LessRules(Expr a, Expr b) {
  const CompareResult order = Compare(a, b);
  if (Pure(a) && Pure(b)) {
    if (order == CompareResult::kLT) return Fired("x < y, true", Bool(true));
    if (order == CompareResult::kEQ || order == CompareResult::kGT || order == CompareResult::kGE)
      return Fired("x < y, false", Bool(false));
  }
  if (Expr out = LessShareRules(a, b)) return out;
  if (Expr out = LessScaledRules(a, b)) return out;
  if (Expr out = LessDivRules(a, b)) return out;
  if (Expr out = LessMinMaxRules(a, b)) return out;
  return LessConstRules(a, b);
}

// Operands that share an addend.
Expr RewriteSimplifier::LessShareRules(Expr a, Expr b) {
  const auto* p = Match(ExprKind::kAdd, a);
  const auto* q = Match(ExprKind::kAdd, b);
  if (p != nullptr && Pure(a)) {
    if (Same(p->a, b)) return Fired("x + y < x", Again(Less(p->b, Int(a, 0))));
    if (Same(p->b, b)) return Fired("y + x < x", Again(Less(p->a, Int(a, 0))));
    if (Expr rest = OtherAddend(b, p->a)) return Fired("x + y < x + z", Again(Less(p->b, rest)));
    if (Expr rest = OtherAddend(b, p->b)) return Fired("y + x < z + x", Again(Less(p->a, rest)));
  }
  if (q != nullptr && Pure(b)) {
    if (Same(q->a, a)) return Fired("x < x + y", Again(Less(Int(a, 0), q->b)));
    if (Same(q->b, a)) return Fired("x < y + x", Again(Less(Int(a, 0), q->a)));
  }
  const auto* s = Match(ExprKind::kSub, a);
  const auto* t = Match(ExprKind::kSub, b);
  if (s != nullptr && t != nullptr && Pure(a) && Pure(b)) {
    if (Same(s->b, t->b)) return Fired("x - y < z - y", Again(Less(s->a, t->a)));
    if (Same(s->a, t->a)) return Fired("x - y < x - z", Again(Less(t->b, s->b)));
  }
  if (s != nullptr && Same(s->a, b) && Pure(b)) return Fired("x - y < x", Again(Less(Int(a, 0), s->b)));
  if (t != nullptr && Same(t->a, a) && Pure(a)) return Fired("x < x - y", Again(Less(t->b, Int(a, 0))));
  return {};
}

Expr RewriteSimplifier::LessScaledRules(Expr a, Expr b) {
  const auto x = MatchScaled(a);
  const auto y = MatchScaled(b);
  if (x && y && x->c == y->c && x->c != 0)
    return Fired("x * c < y * c", Again(x->c > 0 ? Less(x->x, y->x) : Less(y->x, x->x)));
  if (x && IsConst(b) && x->c != 0 && x->c != -1) {
    const int64_t c = ConstOfNode(b);
    // x * c1 < c: x < ceil(c / c1), or for negative c1, floor(c / c1) < x.
    if (x->c > 0) {
      return Fired("x * c1 < c2",
                   Again(Less(x->x, Int(a, ir::FloorDivInt(c, x->c) + (ir::FloorModInt(c, x->c) != 0 ? 1 : 0)))));
    }
    return Fired("x * -c1 < c2", Again(Less(Int(a, ir::FloorDivInt(c, x->c)), x->x)));
  }
  if (y && IsConst(a) && y->c != 0 && y->c != -1) {
    const int64_t c = ConstOfNode(a);
    if (y->c > 0) return Fired("c1 < x * c2", Again(Less(Int(a, ir::FloorDivInt(c, y->c)), y->x)));
    return Fired("c1 < x * -c2",
                 Again(Less(y->x, Int(a, ir::FloorDivInt(c, y->c) + (ir::FloorModInt(c, y->c) != 0 ? 1 : 0)))));
  }
  return {};
}

Expr RewriteSimplifier::LessDivRules(Expr a, Expr b) {
  auto quotient = [](Expr e) -> const ir::BinaryNode* {
    const auto* div = e.as<ir::BinaryNode>();
    if (div == nullptr || (div->kind != ExprKind::kFloorDiv && div->kind != ExprKind::kDiv)) return nullptr;
    return IsConst(div->b) && ConstOfNode(div->b) > 0 ? div : nullptr;
  };
  const auto* p = quotient(a);
  const auto* q = quotient(b);
  if (p != nullptr && IsConst(b)) {
    // x / c1 < c2.
    const __int128 c1 = ConstOfNode(p->b);
    const __int128 c2 = ConstOfNode(b);
    const __int128 bound = p->kind == ExprKind::kFloorDiv || c2 > 0 ? c1 * c2 : c1 * (c2 - 1) + 1;
    if (Expr imm = Imm(a.dtype(), bound)) return Fired("x / c1 < c2", Again(Less(p->a, imm)));
  }
  if (q != nullptr && IsConst(a)) {
    // c1 < x / c2.
    const __int128 c1 = ConstOfNode(a);
    const __int128 c2 = ConstOfNode(q->b);
    const __int128 bound = q->kind == ExprKind::kFloorDiv || c1 >= 0 ? (c1 + 1) * c2 - 1 : c1 * c2;
    if (Expr imm = Imm(a.dtype(), bound)) return Fired("c1 < x / c2", Again(Less(imm, q->a)));
  }
  // (x / c) * c < x, x + y, x - y: the difference is x % c for either rounding.
  const auto scaled = MatchScaled(a);
  const auto* div = scaled ? quotient(scaled->x) : nullptr;
  if (div == nullptr || scaled->c != ConstOfNode(div->b) || !Pure(a)) return {};
  const Scaled inner = MatchOffset(div->a).value_or(Scaled{div->a, 0});
  const Expr mod = div->kind == ExprKind::kFloorDiv ? ir::FloorMod(div->a, div->b) : ir::TruncMod(div->a, div->b);
  for (const Scaled& source : {Scaled{div->a, 0}, inner}) {
    Expr left = Int(a, source.c);
    if (Same(source.x, b)) return Fired("(x / c) * c < x", Again(Less(left, mod)));
    if (Expr rest = OtherAddend(b, source.x))
      return Fired("(x / c) * c < x + y", Again(Less(left, ir::Add(mod, rest))));
    if (const auto* sub = Match(ExprKind::kSub, b); sub != nullptr && Same(sub->a, source.x)) {
      return Fired("(x / c) * c < x - y", Again(Less(ir::Add(sub->b, left), mod)));
    }
  }
  return {};
}

Expr RewriteSimplifier::LessMinMaxRules(Expr a, Expr b) {
  auto either = [&](ExprKind kind, Expr x, Expr y) {
    const Expr p = Again(x);
    const Expr q = Again(y);
    return Again(ir::Binary(kind, p, q));
  };
  if (a.kind() == ExprKind::kMin || a.kind() == ExprKind::kMax) {
    const auto* op = a.as<ir::BinaryNode>();
    return Fired("min(x, y) < z",
                 either(a.kind() == ExprKind::kMin ? ExprKind::kOr : ExprKind::kAnd, Less(op->a, b), Less(op->b, b)));
  }
  if (b.kind() == ExprKind::kMin || b.kind() == ExprKind::kMax) {
    const auto* op = b.as<ir::BinaryNode>();
    return Fired("x < min(y, z)",
                 either(b.kind() == ExprKind::kMin ? ExprKind::kAnd : ExprKind::kOr, Less(a, op->a), Less(a, op->b)));
  }
  return {};
}

// Literals gather on one side.
Expr RewriteSimplifier::LessConstRules(Expr a, Expr b) {
  const auto dtype = a.dtype();
  if (IsConst(b)) {
    const int64_t c = ConstOfNode(b);
    if (auto offset = MatchOffset(a)) {
      const Expr moved = Imm(dtype, static_cast<__int128>(c) - offset->c);
      return Fired("x + c1 < c2", moved ? Again(Less(offset->x, moved)) : Expr());
    }
    if (auto reversed = MatchReversed(a)) {
      const Expr moved = Imm(dtype, static_cast<__int128>(reversed->c) - c);
      return Fired("c1 - x < c2", moved ? Again(Less(moved, reversed->x)) : Expr());
    }
    // x - y < 0.
    if (const auto* sub = Match(ExprKind::kSub, a); sub != nullptr && c == 0)
      return Fired("x - y < 0", Again(Less(sub->a, sub->b)));
    if (auto scaled = MatchScaled(a); scaled && scaled->c == -1) {
      if (Expr moved = Imm(dtype, -static_cast<__int128>(c))) return Fired("x * -1 < c", Again(Less(moved, scaled->x)));
    }
    return {};
  }
  if (IsConst(a)) {
    const int64_t c = ConstOfNode(a);
    if (auto offset = MatchOffset(b)) {
      const Expr moved = Imm(dtype, static_cast<__int128>(c) - offset->c);
      return Fired("c1 < x + c2", moved ? Again(Less(moved, offset->x)) : Expr());
    }
    if (auto reversed = MatchReversed(b)) {
      const Expr moved = Imm(dtype, static_cast<__int128>(reversed->c) - c);
      return Fired("c1 < c2 - x", moved ? Again(Less(reversed->x, moved)) : Expr());
    }
    if (const auto* sub = Match(ExprKind::kSub, b); sub != nullptr && c == 0)
      return Fired("0 < x - y", Again(Less(sub->b, sub->a)));
    if (auto scaled = MatchScaled(b); scaled && scaled->c == -1) {
      if (Expr moved = Imm(dtype, -static_cast<__int128>(c))) return Fired("c < x * -1", Again(Less(scaled->x, moved)));
    }
    return {};
  }
  // x < c - y, c - y < x, x < y + c, x + c < y.
  if (auto reversed = MatchReversed(b))
    return Fired("x < c - y", Again(Less(ir::Add(a, reversed->x), Int(a, reversed->c))));
  if (auto reversed = MatchReversed(a))
    return Fired("c - x < y", Again(Less(Int(a, reversed->c), ir::Add(b, reversed->x))));
  // x + c1 < y + c2: one literal, positive, on the side where it is added.
  const auto left = MatchOffset(a);
  const auto right = MatchOffset(b);
  if (!left && !right) return {};
  const __int128 shift = static_cast<__int128>(right ? right->c : 0) - (left ? left->c : 0);
  const Expr x = left ? left->x : a;
  const Expr y = right ? right->x : b;
  if (shift == 1) return Fired("x < y + 1", Again(ir::LE(x, y)));
  const bool normal = shift > 0 ? !left : !right;
  const Expr moved = Imm(dtype, shift > 0 ? shift : -shift);
  if (normal || !moved) return {};
  return Fired("x + c1 < y + c2", Again(shift > 0 ? Less(x, ir::Add(y, moved)) : Less(ir::Add(x, moved), y)));
}

// a <= b is not (b < a).
Expr RewriteSimplifier::LessEqualRules(Expr a, Expr b) {
  const Expr less = LessRules(b, a);
  return Fired("x <= y as not y < x", less ? Inverse(less) : Expr());
}

}  // namespace hone::arith
