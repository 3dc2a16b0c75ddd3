// What a condition that is known to hold tells: literals, bounds, remainders and orders.
#include <algorithm>

#include "common/arith/analyzer.h"
#include "common/arith/deep_equal.h"
#include "common/arith/inf_int.h"
#include "common/arith/rewrite_simplify.h"
#include "common/ir/visitor.h"

namespace hone::arith {

using ir::Expr;
using ir::ExprKind;

namespace {

// Facts beyond this many are dropped: the search for chains is quadratic.
constexpr size_t kMaxFacts = 64;

template <typename F>
void ForEachConjunct(Expr condition, F&& f) {
  if (const auto* both = Match(ExprKind::kAnd, condition)) {
    ForEachConjunct(both->a, f);
    ForEachConjunct(both->b, f);
    return;
  }
  const auto* call = condition.as<ir::CallNode>();
  if (call != nullptr && call->Is(ir::Builtin::likely) && call->args.size() == 1) {
    ForEachConjunct(call->args[0], f);
    return;
  }
  f(condition);
}

}  // namespace

ConstraintScope::ConstraintScope(Analyzer& analyzer, Expr condition)
    : analyzer_(analyzer),
      literals_(analyzer.literals_.size()),
      bounds_(analyzer.bounds_.size()),
      facts_(analyzer.facts_.size()),
      saved_modular_(analyzer.saved_modular_.size()) {
  analyzer.AddConstraint(condition);
}

ConstraintScope::~ConstraintScope() {
  // Shorter already when a variable was bound anew meanwhile.
  if (analyzer_.literals_.size() > literals_) analyzer_.literals_.resize(literals_);
  if (analyzer_.bounds_.size() > bounds_) analyzer_.bounds_.resize(bounds_);
  if (analyzer_.facts_.size() > facts_) analyzer_.facts_.resize(facts_);
  while (analyzer_.saved_modular_.size() > saved_modular_) {
    const auto& saved = analyzer_.saved_modular_.back();
    analyzer_.vars_[saved.index].modular = saved.modular;
    analyzer_.saved_modular_.pop_back();
  }
}

void Analyzer::Forget(const ir::VarNode* var) {
  if (literals_.empty() && bounds_.empty() && facts_.empty()) return;
  auto uses = [&](Expr e) { return e && ir::UsesVar(e, ir::Var(var)); };
  auto erase = [](auto& list, auto&& gone) { list.erase(std::remove_if(list.begin(), list.end(), gone), list.end()); };
  erase(literals_, [&](Expr e) { return uses(e); });
  erase(bounds_, [&](const BoundFact& fact) { return uses(fact.expr); });
  erase(facts_, [&](const OrderFact& fact) { return uses(fact.a) || uses(fact.b); });
}

void Analyzer::AddConstraint(Expr condition) {
  if (ir::SideEffect(condition) > ir::CallEffect::kPure) return;
  const Expr simple = RewriteSimplify(condition);
  const Expr canonical = CanonicalSimplify(simple);
  auto add = [&](Expr e) { AddCondition(e); };
  ForEachConjunct(condition, add);
  if (simple != condition) ForEachConjunct(simple, add);
  if (canonical != simple) ForEachConjunct(canonical, add);
}

void Analyzer::AddBoundFact(Expr e, ConstIntBound bound) {
  if (IsConst(e)) return;
  bounds_.push_back(BoundFact{e, bound});
}

void Analyzer::AddCondition(Expr condition) {
  if (IsConst(condition)) return;
  literals_.push_back(condition);
  const auto* op = condition.as<ir::BinaryNode>();
  if (op == nullptr || !op->a.dtype().is_index()) return;
  Expr a = op->a;
  Expr b = op->b;
  ExprKind kind = op->kind;
  if (kind == ExprKind::kGT || kind == ExprKind::kGE) {
    std::swap(a, b);
    kind = kind == ExprKind::kGT ? ExprKind::kLT : ExprKind::kLE;
  }
  const bool less = kind == ExprKind::kLT || kind == ExprKind::kLE;
  const bool equal = kind == ExprKind::kEQ;
  if (!less && !equal) return;
  const int64_t strict = kind == ExprKind::kLT ? 1 : 0;
  if (equal && IsConst(a)) std::swap(a, b);
  if (IsConst(b)) {
    const int64_t c = ConstOfNode(b);
    AddBoundFact(a, {equal ? c : kNegInf, InfAdd(c, -strict)});
  } else if (IsConst(a)) {
    AddBoundFact(b, {InfAdd(ConstOfNode(a), strict), kPosInf});
  } else {
    const Expr difference = RewriteSimplify(ir::Sub(a, b));
    if (!IsConst(difference)) {
      AddBoundFact(difference, {equal ? 0 : kNegInf, -strict});
      // The difference the other way round is another expression.
      const Expr reversed = RewriteSimplify(ir::Sub(b, a));
      AddBoundFact(reversed, {strict, equal ? 0 : kPosInf});
    }
    AddOrderFact(a, b, -strict);
    if (equal) AddOrderFact(b, a, 0);
  }
  if (!equal || !IsConst(b)) return;
  // var % c == r.
  const auto* mod = Match(ExprKind::kFloorMod, a);
  if (mod == nullptr) mod = Match(ExprKind::kMod, a);
  const auto* var = mod != nullptr ? mod->a.as<ir::VarNode>() : nullptr;
  if (var == nullptr || !IsConst(mod->b) || ConstOfNode(mod->b) <= 0) return;
  const ModularSet known = MakeModularSet(ConstOfNode(mod->b), ConstOfNode(b));
  VarInfo& info = InfoOf(var);
  // Kept when it says more; both together would need the remainder theorem.
  if (info.modular.coeff == 0 || known.coeff % info.modular.coeff != 0) return;
  if (ir::FloorModInt(known.base, info.modular.coeff) != info.modular.base) return;
  saved_modular_.push_back(SavedModular{static_cast<size_t>(&info - vars_.data()), info.modular});
  info.modular = known;
}

void Analyzer::AddOrderFact(Expr a, Expr b, int64_t offset) {
  if (facts_.size() >= kMaxFacts) return;
  // a + c1 <= b + c2 + offset.
  auto strip = [](Expr& e, int64_t sign, int64_t* total) {
    if (auto part = MatchOffset(e)) {
      e = part->x;
      *total = InfAdd(*total, InfMul(sign, part->c));
    } else if (IsConst(e)) {
      *total = InfAdd(*total, InfMul(sign, ConstOfNode(e)));
      e = Expr();
    }
  };
  strip(a, -1, &offset);
  strip(b, 1, &offset);
  if (IsInf(offset) || (!a && !b)) return;
  facts_.push_back(OrderFact{a, b, offset});
}

int64_t Analyzer::DifferenceBound(Expr a, Expr b) const {
  // Shortest path by relaxation: best[i] bounds a - (b side of fact i).
  absl::InlinedVector<int64_t, 8> best(facts_.size(), kPosInf);
  auto same = [](Expr x, Expr y) { return (!x && !y) || (x && y && DeepEqual(x, y)); };
  int64_t found = kPosInf;
  bool changed = true;
  for (size_t round = 0; round <= facts_.size() && changed; ++round) {
    changed = false;
    for (size_t i = 0; i < facts_.size(); ++i) {
      int64_t reach = kPosInf;
      if (same(facts_[i].a, a)) reach = facts_[i].offset;
      for (size_t j = 0; j < facts_.size(); ++j) {
        if (best[j] != kPosInf && same(facts_[j].b, facts_[i].a)) {
          reach = std::min(reach, InfAdd(best[j], facts_[i].offset));
        }
      }
      if (reach < best[i] && reach != kNegInf) {
        best[i] = reach;
        changed = true;
      }
    }
  }
  for (size_t i = 0; i < facts_.size(); ++i) {
    if (same(facts_[i].b, b)) found = std::min(found, best[i]);
  }
  return found;
}

CompareResult Analyzer::CompareByFacts(Expr a, Expr b) const {
  int64_t shift = 0;  // a + shift against b.
  auto strip = [&](Expr& e, int64_t sign) {
    if (auto part = MatchOffset(e)) {
      e = part->x;
      shift = InfAdd(shift, InfMul(sign, part->c));
    } else if (IsConst(e)) {
      shift = InfAdd(shift, InfMul(sign, ConstOfNode(e)));
      e = Expr();
    }
  };
  strip(a, 1);
  strip(b, -1);
  if (IsInf(shift) || (!a && !b)) return CompareResult::kUnknown;
  int result = static_cast<int>(CompareResult::kUnknown);
  const int64_t above = DifferenceBound(a, b);  // a <= b + above.
  if (above != kPosInf) {
    const int64_t most = InfAdd(above, shift);
    if (most < 0) result &= static_cast<int>(CompareResult::kLT);
    if (most <= 0) result &= static_cast<int>(CompareResult::kLE);
  }
  const int64_t below = DifferenceBound(b, a);
  if (below != kPosInf) {
    const int64_t least = InfSub(shift, below);
    if (least > 0) result &= static_cast<int>(CompareResult::kGT);
    if (least >= 0) result &= static_cast<int>(CompareResult::kGE);
  }
  return static_cast<CompareResult>(result);
}

}  // namespace hone::arith
