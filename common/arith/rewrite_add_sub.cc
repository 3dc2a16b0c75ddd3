// Rules of a + b and a - b for index types.
#include "common/arith/rewrite_simplify.h"

namespace hone::arith {

using ir::Expr;
using ir::ExprKind;

namespace {

bool SamePure(Expr a, Expr b) { return Same(a, b) && Pure(a); }

// e as x + y in either order: the other operand when one is the same as `part`.
Expr OtherAddend(Expr e, Expr part) {
  const auto* add = Match(ExprKind::kAdd, e);
  if (add == nullptr) return {};
  if (Same(add->a, part)) return add->b;
  if (Same(add->b, part)) return add->a;
  return {};
}

// e as x * y in either order: the other factor when one is the same as `part`.
Expr OtherFactor(Expr e, Expr part) {
  const auto* mul = Match(ExprKind::kMul, e);
  if (mul == nullptr) return {};
  if (Same(mul->a, part)) return mul->b;
  if (Same(mul->b, part)) return mul->a;
  return {};
}

Expr Int(Expr like, int64_t value) { return ir::IntImm(like.dtype(), value); }

bool Cancel(int64_t a, int64_t b) { return static_cast<__int128>(a) + b == 0; }

// The product with a literal on the right.
Expr Product(Expr a, Expr b) { return IsConst(a) ? ir::Mul(b, a) : ir::Mul(a, b); }

// a and b as products with a common factor: {factor, rest of a, rest of b}.
struct Shared {
  Expr factor;
  Expr a;
  Expr b;
};
std::optional<Shared> SharedFactor(Expr a, Expr b) {
  if (Expr rest = OtherFactor(a, b)) return Shared{b, rest, Int(b, 1)};
  if (Expr rest = OtherFactor(b, a)) return Shared{a, Int(a, 1), rest};
  const auto* x = Match(ExprKind::kMul, a);
  if (x == nullptr || b.kind() != ExprKind::kMul) return std::nullopt;
  if (Expr rest = OtherFactor(b, x->a)) return Shared{x->a, x->b, rest};
  if (Expr rest = OtherFactor(b, x->b)) return Shared{x->b, x->a, rest};
  return std::nullopt;
}

}  // namespace

Expr RewriteSimplifier::AddRules(Expr a, Expr b) {
  if (IsConst(a)) return Fired("c + x", Again(ir::Add(b, a)));
  const auto* sa = Match(ExprKind::kSub, a);
  const auto* sb = Match(ExprKind::kSub, b);
  // Cancellation.
  if (sa != nullptr && SamePure(sa->b, b)) return Fired("(x - y) + y", sa->a);
  if (sb != nullptr && SamePure(sb->b, a)) return Fired("x + (y - x)", sb->a);
  if (sa != nullptr && sb != nullptr) {
    if (SamePure(sa->b, sb->a)) return Fired("(x - y) + (y - z)", Again(ir::Sub(sa->a, sb->b)));
    if (SamePure(sa->a, sb->b)) return Fired("(x - y) + (z - x)", Again(ir::Sub(sb->a, sa->b)));
  }
  if (Expr out = AddMinMaxRules(a, b)) return out;
  // Literals to the right, and joined.
  if (IsConst(b)) {
    if (auto offset = MatchOffset(a)) {
      if (Expr sum = Imm(a.dtype(), static_cast<__int128>(offset->c) + ConstOfNode(b)))
        return Fired("(x + c1) + c2", ir::Add(offset->x, sum));
      return {};
    }
    if (auto reversed = MatchReversed(a)) {
      const Expr sum = Imm(a.dtype(), static_cast<__int128>(reversed->c) + ConstOfNode(b));
      return Fired("(c1 - x) + c2", sum ? ir::Sub(sum, reversed->x) : Expr());
    }
  }
  // Common factors.
  if (Same(a, b)) return Fired("x + x", Pure(a) ? ir::Mul(a, Int(a, 2)) : Expr());
  if (auto shared = SharedFactor(a, b); shared && Pure(shared->factor)) {
    if (!IsConst(shared->factor) || !(IsConst(shared->a) || IsConst(shared->b))) {
      return Fired("x * y + x * z", Again(Product(shared->factor, ir::Add(shared->a, shared->b))));
    }
  }
  if (Expr out = AddDivModRules(a, b)) return out;
  if (!IsConst(b)) {
    if (auto reversed = MatchReversed(b)) {
      return Fired("x + (c - y)", Again(ir::Add(ir::Sub(a, reversed->x), Int(a, reversed->c))));
    }
    if (auto reversed = MatchReversed(a)) {
      return Fired("(c - x) + y", Again(ir::Add(ir::Sub(b, reversed->x), Int(a, reversed->c))));
    }
    const auto* pa = Match(ExprKind::kAdd, a);
    if (pa != nullptr && IsConst(pa->b)) return Fired("(x + c) + y", Again(ir::Add(ir::Add(pa->a, b), pa->b)));
    const auto* pb = Match(ExprKind::kAdd, b);
    if (pb != nullptr && IsConst(pb->b)) return Fired("x + (y + c)", Again(ir::Add(ir::Add(a, pb->a), pb->b)));
  }
  // Selects of one condition.
  const auto* ca = a.as<ir::SelectNode>();
  const auto* cb = b.as<ir::SelectNode>();
  if (ca != nullptr && cb != nullptr && SamePure(ca->condition, cb->condition)) {
    return Fired("select(c, x, y) + select(c, z, w)",
                 Again(ir::MakeSelect(ca->condition, ir::Add(ca->true_value, cb->true_value),
                                      ir::Add(ca->false_value, cb->false_value))));
  }
  return {};
}

Expr RewriteSimplifier::AddMinMaxRules(Expr a, Expr b) {
  auto is_min_max = [](Expr e) { return e.kind() == ExprKind::kMin || e.kind() == ExprKind::kMax; };
  if (!is_min_max(a) && !is_min_max(b)) return {};
  if (is_min_max(a) && is_min_max(b) && a.kind() != b.kind()) {
    // max(x, y) + min(x, y).
    const auto* x = a.as<ir::BinaryNode>();
    const auto* y = b.as<ir::BinaryNode>();
    if ((Same(x->a, y->a) && Same(x->b, y->b)) || (Same(x->a, y->b) && Same(x->b, y->a))) {
      return Fired("max(x, y) + min(x, y)", Again(ir::Add(x->a, x->b)));
    }
  }
  if (!is_min_max(a)) std::swap(a, b);
  const auto* op = a.as<ir::BinaryNode>();
  // min(x, y - b) + b, min(x, y + c) + -c and min(x, y * c) + y * -c: one operand loses what is added.
  auto cancelled = [&](Expr e) -> Expr {
    if (const auto* sub = Match(ExprKind::kSub, e); sub != nullptr && SamePure(sub->b, b)) return sub->a;
    if (IsConst(b)) {
      if (auto offset = MatchOffset(e); offset && Cancel(offset->c, ConstOfNode(b))) return offset->x;
      return {};
    }
    const auto add = MatchScaled(b);
    const auto* sum = Match(ExprKind::kAdd, e);
    if (add && sum != nullptr) {
      if (auto s = MatchScaled(sum->a); s && Cancel(s->c, add->c) && SamePure(s->x, add->x)) return sum->b;
      if (auto s = MatchScaled(sum->b); s && Cancel(s->c, add->c) && SamePure(s->x, add->x)) return sum->a;
    }
    return {};
  };
  if (Expr rest = cancelled(op->b))
    return Fired("min(x, y - z) + z", Again(ir::Binary(a.kind(), ir::Add(op->a, b), rest)));
  if (Expr rest = cancelled(op->a))
    return Fired("min(y - z, x) + z", Again(ir::Binary(a.kind(), rest, ir::Add(op->b, b))));
  return {};
}

// (x / y) * y + x % y and its relatives.
Expr RewriteSimplifier::AddDivModRules(Expr a, Expr b) {
  for (int turn = 0; turn < 2; ++turn, std::swap(a, b)) {
    const ExprKind mod_kind = b.kind();
    if (mod_kind != ExprKind::kMod && mod_kind != ExprKind::kFloorMod) continue;
    const auto* mod = b.as<ir::BinaryNode>();
    const ExprKind div_kind = mod_kind == ExprKind::kMod ? ExprKind::kDiv : ExprKind::kFloorDiv;
    if (!Pure(mod->a) || !Pure(mod->b)) continue;
    if (const Expr quotient = OtherFactor(a, mod->b)) {
      const auto* div = Match(div_kind, quotient);
      if (div != nullptr && Same(div->a, mod->a) && Same(div->b, mod->b)) return Fired("(x / y) * y + x % y", mod->a);
    }
    if (mod_kind != ExprKind::kFloorMod || !ir::IsConstInt(mod->b, 2)) continue;
    // x // 2 + x % 2, and (x + odd) % 2 + x % 2.
    const auto* div = Match(ExprKind::kFloorDiv, a);
    if (div != nullptr && ir::IsConstInt(div->b, 2) && Same(div->a, mod->a)) {
      return Fired("x // 2 + x % 2", Again(ir::FloorDiv(ir::Add(mod->a, Int(mod->a, 1)), div->b)));
    }
    const auto* other = Match(ExprKind::kFloorMod, a);
    if (other != nullptr && ir::IsConstInt(other->b, 2)) {
      auto offset = MatchOffset(other->a);
      if (offset && offset->c % 2 != 0 && Same(offset->x, mod->a)) return Fired("(x + 1) % 2 + x % 2", Int(mod->a, 1));
    }
  }
  for (int turn = 0; turn < 2; ++turn, std::swap(a, b)) {
    // (x % c + k) // c + x // c.
    const auto* inner = Match(ExprKind::kFloorDiv, a);
    const auto* outer = Match(ExprKind::kFloorDiv, b);
    if (inner == nullptr || outer == nullptr || !IsConst(inner->b) || ConstOfNode(inner->b) <= 0) continue;
    if (!Same(inner->b, outer->b) || !Pure(outer->a)) continue;
    auto offset = MatchOffset(inner->a);
    const auto* mod = offset ? Match(ExprKind::kFloorMod, offset->x) : nullptr;
    if (mod != nullptr && Same(mod->b, inner->b) && Same(mod->a, outer->a)) {
      return Fired("(x % c + k) // c + x // c",
                   Again(ir::FloorDiv(ir::Add(outer->a, Int(outer->a, offset->c)), outer->b)));
    }
  }
  return {};
}

Expr RewriteSimplifier::SubRules(Expr a, Expr b) {
  if (Same(a, b)) return Fired("x - x", Pure(a) ? Int(a, 0) : Expr());
  // Cancellation.
  if (Expr rest = OtherAddend(a, b); rest && Pure(b)) return Fired("(x + y) - x", rest);
  if (Expr rest = OtherAddend(b, a); rest && Pure(a)) return Fired("x - (x + y)", Again(ir::Sub(Int(a, 0), rest)));
  const auto* sa = Match(ExprKind::kSub, a);
  const auto* sb = Match(ExprKind::kSub, b);
  if (sa != nullptr && SamePure(sa->a, b)) return Fired("(x - y) - x", Again(ir::Sub(Int(a, 0), sa->b)));
  if (sb != nullptr && SamePure(sb->a, a)) return Fired("x - (x - y)", sb->b);
  if (sa != nullptr && sb != nullptr) {
    if (SamePure(sa->a, sb->a)) return Fired("(x - y) - (x - z)", Again(ir::Sub(sb->b, sa->b)));
    if (SamePure(sa->b, sb->b)) return Fired("(x - y) - (z - y)", Again(ir::Sub(sa->a, sb->a)));
  }
  if (Expr out = SubMinMaxRules(a, b)) return out;
  if (Expr out = SubProductRules(a, b)) return out;
  // Literals.
  if (IsConst(b)) {
    if (auto offset = MatchOffset(a)) {
      const Expr sum = Imm(a.dtype(), static_cast<__int128>(offset->c) - ConstOfNode(b));
      return Fired("(x + c1) - c2", sum ? ir::Add(offset->x, sum) : Expr());
    }
    if (auto reversed = MatchReversed(a)) {
      const Expr sum = Imm(a.dtype(), static_cast<__int128>(reversed->c) - ConstOfNode(b));
      return Fired("(c1 - x) - c2", sum ? ir::Sub(sum, reversed->x) : Expr());
    }
    const Expr negative = Imm(a.dtype(), -static_cast<__int128>(ConstOfNode(b)));
    return Fired("x - c", negative ? ir::Add(a, negative) : Expr());
  }
  if (auto x = MatchReversed(a)) {
    if (auto y = MatchReversed(b)) {
      const Expr sum = Imm(a.dtype(), static_cast<__int128>(x->c) - y->c);
      return Fired("(c1 - x) - (c2 - y)", sum ? Again(ir::Add(ir::Sub(y->x, x->x), sum)) : Expr());
    }
  }
  // (x + y) - (x + z).
  if (const auto* pa = Match(ExprKind::kAdd, a)) {
    if (Expr rest = OtherAddend(b, pa->a); rest && Pure(pa->a))
      return Fired("(x + y) - (x + z)", Again(ir::Sub(pa->b, rest)));
    if (Expr rest = OtherAddend(b, pa->b); rest && Pure(pa->b))
      return Fired("(y + x) - (z + x)", Again(ir::Sub(pa->a, rest)));
  }
  if (Expr out = SubDivModRules(a, b)) return out;
  // Canonical order: the literal last, no nested subtraction, no negative factor.
  if (auto offset = MatchOffset(a))
    return Fired("(x + c) - y", Again(ir::Add(ir::Sub(offset->x, b), Int(a, offset->c))));
  if (auto offset = MatchOffset(b)) {
    const Expr negative = Imm(a.dtype(), -static_cast<__int128>(offset->c));
    if (negative) return Fired("x - (y + c)", Again(ir::Add(ir::Sub(a, offset->x), negative)));
  }
  if (sb != nullptr) return Fired("x - (y - z)", Again(ir::Sub(ir::Add(a, sb->b), sb->a)));
  if (auto scaled = MatchScaled(b); scaled && scaled->c < 0) {
    const Expr positive = Imm(a.dtype(), -static_cast<__int128>(scaled->c));
    if (positive) return Fired("x - y * -c", Again(ir::Add(a, ir::Mul(scaled->x, positive))));
  }
  const auto* ca = a.as<ir::SelectNode>();
  const auto* cb = b.as<ir::SelectNode>();
  if (ca != nullptr && cb != nullptr && SamePure(ca->condition, cb->condition)) {
    return Fired("select(c, x, y) - select(c, z, w)",
                 Again(ir::MakeSelect(ca->condition, ir::Sub(ca->true_value, cb->true_value),
                                      ir::Sub(ca->false_value, cb->false_value))));
  }
  if (ca != nullptr && SamePure(ca->false_value, b)) {
    return Fired("select(c, x, y) - y", Again(ir::MakeSelect(ca->condition, ir::Sub(ca->true_value, b), Int(a, 0))));
  }
  if (ca != nullptr && SamePure(ca->true_value, b)) {
    return Fired("select(c, x, y) - x", Again(ir::MakeSelect(ca->condition, Int(a, 0), ir::Sub(ca->false_value, b))));
  }
  return {};
}

Expr RewriteSimplifier::SubProductRules(Expr a, Expr b) {
  auto shared = SharedFactor(a, b);
  if (!shared || !Pure(shared->factor)) return {};
  if (IsConst(shared->factor) && (IsConst(shared->a) || IsConst(shared->b))) return {};
  return Fired("x * y - x * z", Again(Product(shared->factor, ir::Sub(shared->a, shared->b))));
}

Expr RewriteSimplifier::SubMinMaxRules(Expr a, Expr b) {
  auto is_min_max = [](Expr e) { return e.kind() == ExprKind::kMin || e.kind() == ExprKind::kMax; };
  auto opposite = [](ExprKind k) { return k == ExprKind::kMin ? ExprKind::kMax : ExprKind::kMin; };
  if (is_min_max(a) && a.kind() == b.kind()) {
    const auto* x = a.as<ir::BinaryNode>();
    const auto* y = b.as<ir::BinaryNode>();
    if (SamePure(x->a, y->b) && SamePure(x->b, y->a)) return Fired("min(x, y) - min(y, x)", Int(a, 0));
    // The same distance in both operands is the distance of the two.
    if (analyzer_.depth_ < 2) {
      const Expr first = Again(ir::Sub(x->a, y->a));
      if (Same(first, Again(ir::Sub(x->b, y->b))) && Pure(first)) return Fired("min(x, y) - min(x + c, y + c)", first);
      const Expr second = Again(ir::Sub(x->a, y->b));
      if (Same(second, Again(ir::Sub(x->b, y->a))) && Pure(second))
        return Fired("min(x + c, y) - min(y - c, x)", second);
    }
  }
  if (is_min_max(a)) {
    const auto* op = a.as<ir::BinaryNode>();
    if (SamePure(op->a, b)) return Fired("min(x, y) - x", Again(ir::Binary(a.kind(), Int(a, 0), ir::Sub(op->b, b))));
    if (SamePure(op->b, b)) return Fired("min(x, y) - y", Again(ir::Binary(a.kind(), ir::Sub(op->a, b), Int(a, 0))));
    if (!IsConst(b) && Pure(b)) {
      if (Expr rest = OtherAddend(op->a, b))
        return Fired("min(x + y, z) - x", Again(ir::Binary(a.kind(), rest, ir::Sub(op->b, b))));
      if (Expr rest = OtherAddend(op->b, b))
        return Fired("min(x, y + z) - y", Again(ir::Binary(a.kind(), ir::Sub(op->a, b), rest)));
    }
  }
  if (is_min_max(b)) {
    const auto* op = b.as<ir::BinaryNode>();
    const ExprKind flipped = opposite(b.kind());
    if (SamePure(op->a, a)) return Fired("x - min(x, y)", Again(ir::Binary(flipped, Int(a, 0), ir::Sub(a, op->b))));
    if (SamePure(op->b, a)) return Fired("y - min(x, y)", Again(ir::Binary(flipped, ir::Sub(a, op->a), Int(a, 0))));
    if (!IsConst(a) && Pure(a)) {
      if (Expr rest = OtherAddend(op->a, a)) {
        return Fired("x - min(x + y, z)", Again(ir::Binary(flipped, ir::Sub(Int(a, 0), rest), ir::Sub(a, op->b))));
      }
      if (Expr rest = OtherAddend(op->b, a)) {
        return Fired("y - min(x, y + z)", Again(ir::Binary(flipped, ir::Sub(a, op->a), ir::Sub(Int(a, 0), rest))));
      }
    }
  }
  return {};
}

// x - (x / c) * c = x % c and its relatives; c * (x / c) + x % c == x holds for both ways of rounding.
Expr RewriteSimplifier::SubDivModRules(Expr a, Expr b) {
  auto div_kind_of = [](Expr e) -> std::optional<ExprKind> {
    if (e.kind() == ExprKind::kDiv || e.kind() == ExprKind::kFloorDiv) return e.kind();
    return std::nullopt;
  };
  auto mod_of = [](ExprKind div, Expr x, Expr y) {
    return ir::Binary(div == ExprKind::kDiv ? ExprKind::kMod : ExprKind::kFloorMod, x, y);
  };
  for (int turn = 0; turn < 2; ++turn) {
    const bool negated = turn == 1;
    const Expr x = negated ? b : a;
    const Expr y = negated ? a : b;
    const auto* mul = Match(ExprKind::kMul, y);
    if (mul == nullptr) continue;
    auto signed_result = [&](Expr e) { return Again(negated ? ir::Sub(Int(a, 0), e) : e); };
    for (const auto& [quotient, factor] : {std::pair{mul->a, mul->b}, std::pair{mul->b, mul->a}}) {
      const auto kind = div_kind_of(quotient);
      if (!kind) continue;
      const auto* div = quotient.as<ir::BinaryNode>();
      if (!Pure(div->a) || !Pure(div->b)) continue;
      if (Same(div->b, factor)) {
        if (Same(div->a, x)) return Fired("x - (x / c) * c", signed_result(mod_of(*kind, x, factor)));
        // x - ((x + y) / c) * c, and x - y.
        if (Expr rest = OtherAddend(div->a, x)) {
          return Fired("x - ((x + y) / c) * c", signed_result(ir::Sub(mod_of(*kind, div->a, factor), rest)));
        }
        const auto* sub = Match(ExprKind::kSub, div->a);
        if (sub != nullptr && Same(sub->a, x)) {
          return Fired("x - ((x - y) / c) * c", signed_result(ir::Add(mod_of(*kind, div->a, factor), sub->b)));
        }
        // (x + y) - (x / c) * c.
        if (Expr rest = OtherAddend(x, div->a)) {
          return Fired("(x + y) - (x / c) * c", signed_result(ir::Add(mod_of(*kind, div->a, factor), rest)));
        }
      }
      // x * c2 - (x / c1) * (c1 * c2).
      const auto scaled = MatchScaled(x);
      if (scaled && IsConst(div->b) && IsConst(factor) && Same(scaled->x, div->a) &&
          static_cast<__int128>(ConstOfNode(div->b)) * scaled->c == ConstOfNode(factor) && ConstOfNode(div->b) != 0) {
        return Fired("x * c2 - (x / c1) * (c1 * c2)",
                     signed_result(ir::Mul(mod_of(*kind, div->a, div->b), Int(a, scaled->c))));
      }
    }
  }
  // (x + c1) // c3 - (x + c2) // c3.
  const auto* da = Match(ExprKind::kFloorDiv, a);
  const auto* db = Match(ExprKind::kFloorDiv, b);
  if (da == nullptr || db == nullptr || !IsConst(da->b) || !Same(da->b, db->b)) return {};
  const int64_t divisor = ConstOfNode(da->b);
  if (divisor <= 0) return {};
  const Scaled left = MatchOffset(da->a).value_or(Scaled{da->a, 0});
  const Scaled right = MatchOffset(db->a).value_or(Scaled{db->a, 0});
  if (!SamePure(left.x, right.x) || left.c == right.c) return {};
  const Expr shift = Imm(a.dtype(), static_cast<__int128>(left.c) - right.c);
  if (!shift) return {};
  const Expr low = ir::FloorMod(ir::Add(left.x, Int(a, ir::FloorModInt(right.c, divisor))), da->b);
  return Fired("(x + c1) // c3 - (x + c2) // c3", Again(ir::FloorDiv(ir::Add(low, shift), da->b)));
}

}  // namespace hone::arith
