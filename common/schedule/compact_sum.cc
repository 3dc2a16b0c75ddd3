#include "common/schedule/compact_sum.h"

#include <algorithm>

#include "common/ir/ops.h"

namespace hone::schedule {

using ir::Expr;

namespace {

// ((var % upper) / lower) * scale, rounding down.
struct Term {
  const ir::VarNode* var;
  int64_t lower;
  int64_t upper;  // 0: no remainder is taken.
  int64_t scale;
};
using Terms = absl::InlinedVector<Term, 8>;

// A variable, var // literal, var % literal, or var % literal // literal.
bool AsDigit(Expr e, int64_t scale, Terms& out) {
  Term term{nullptr, 1, 0, scale};
  if (e.kind() == ir::ExprKind::kFloorDiv) {
    const auto* op = e.as<ir::BinaryNode>();
    const int64_t* lower = ir::ConstInt(op->b);
    if (lower == nullptr || *lower < 1) return false;
    term.lower = *lower;
    e = op->a;
  }
  if (e.kind() == ir::ExprKind::kFloorMod) {
    const auto* op = e.as<ir::BinaryNode>();
    const int64_t* upper = ir::ConstInt(op->b);
    if (upper == nullptr || *upper < 1) return false;
    term.upper = *upper;
    e = op->a;
  }
  term.var = e.as<ir::VarNode>();
  if (term.var == nullptr) return false;
  out.push_back(term);
  return true;
}

// A digit or digit * literal.
bool AsTerm(Expr e, Terms& out) {
  const auto* mul = e.as<ir::MulNode>();
  if (mul == nullptr) return AsDigit(e, 1, out);
  const int64_t* scale = ir::ConstInt(mul->b);
  return scale != nullptr && AsDigit(mul->a, *scale, out);
}

// A sum that leans to the left, flattened; with variables replaced by their (flat) values.
bool Flatten(Expr e, Terms& out) {
  if (const auto* add = e.as<ir::AddNode>()) return Flatten(add->a, out) && AsTerm(add->b, out);
  return AsTerm(e, out);
}

// ((v0 * f1 + v1) * f2 + v2) as v0 * (f1 * f2) + v1 * f2 + v2, times `scale`; a digit; or zero.
bool FlattenValue(Expr e, int64_t scale, Terms& out) {
  if (const auto* add = e.as<ir::AddNode>())
    return FlattenValue(add->a, scale, out) && FlattenValue(add->b, scale, out);
  if (const auto* mul = e.as<ir::MulNode>()) {
    const int64_t* factor = ir::ConstInt(mul->b);
    return factor != nullptr && FlattenValue(mul->a, scale * *factor, out);
  }
  return ir::IsZero(e) || AsDigit(e, scale, out);
}

Expr ToExpr(const Term& term, int64_t extent) {
  Expr e = ir::Var(term.var);
  const auto apply = [&](ir::ExprKind kind, int64_t number) {
    e = ir::MakeBinary(kind, e, ir::IntImm(e.dtype(), number));
  };
  if (term.upper != extent) apply(ir::ExprKind::kFloorMod, term.upper);
  if (term.lower != 1) apply(ir::ExprKind::kFloorDiv, term.lower);
  if (term.scale != 1) apply(ir::ExprKind::kMul, term.scale);
  return e;
}

// Digits of loops that are in use, each with the loop's position among the domains and its extent.
struct Used {
  int loop;
  int64_t lower;
  int64_t upper;
  int64_t extent;
};
using AllUsed = absl::InlinedVector<Used, 16>;

// Whether the digits of each loop take all combinations of their values, as an iteration map sees it.
bool AreIndependent(AllUsed& used) {
  std::sort(used.begin(), used.end(),
            [](const Used& a, const Used& b) { return a.loop != b.loop ? a.loop < b.loop : a.lower < b.lower; });
  for (size_t i = 0; i < used.size(); ++i) {
    const bool last = i + 1 == used.size() || used[i + 1].loop != used[i].loop;
    if (!last && used[i + 1].lower <= used[i].lower) return false;
    const int64_t above = last ? used[i].extent : used[i + 1].lower;
    if (used[i].upper % used[i].lower != 0 || above % used[i].upper != 0) return false;
  }
  return true;
}

int FindDomain(const LoopDomains& domains, const ir::VarNode* var) {
  for (size_t i = 0; i < domains.size(); ++i) {
    if (domains[i].var.get() == var) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace

bool RebindCompactSums(ir::Array<Expr> bindings, const Rebinding& rebinding, const LoopDomains& domains,
                       absl::InlinedVector<Expr, 8>& out) {
  AllUsed used;
  Terms terms;
  Terms flat;
  for (Expr binding : bindings) {
    if (binding.kind() == ir::ExprKind::kIntImm) {
      out.push_back(binding);
      continue;
    }
    terms.clear();
    if (!Flatten(binding, terms)) return false;
    flat.clear();
    bool changed = false;
    for (const Term& term : terms) {
      const Expr* value = nullptr;
      for (const auto& [from, to] : rebinding.values) {
        if (from.get() == term.var) value = &to;
      }
      if (value == nullptr) {
        flat.push_back(term);
      } else {
        if (term.lower != 1 || term.upper != 0 || !FlattenValue(*value, term.scale, flat)) return false;
        changed = true;
      }
    }
    if (flat.empty()) {
      out.push_back(ir::IntImm(binding.dtype(), 0));
      continue;
    }
    // Each scale is the product of the extents to the right, and no digit is used twice, no loop twice in one sum.
    int64_t scale = 1;
    const size_t first = used.size();
    for (size_t i = flat.size(); i-- > 0;) {
      Term& term = flat[i];
      const int at = FindDomain(domains, term.var);
      if (at < 0 || term.scale != scale) return false;
      const int64_t* extent = ir::ConstInt(domains[at].range.extent);
      if (extent == nullptr || *extent < 1 || !ir::IsZero(domains[at].range.min)) return false;
      if (*extent == 1 && (!rebinding.preserve_unit_iters || term.lower != 1 || term.upper != 0)) return false;
      if (!(domains[at].var.dtype() == binding.dtype())) return false;
      // A remainder that says nothing would go.
      if (term.upper == *extent && !changed) return false;
      if (term.upper == 0) term.upper = *extent;
      if (term.upper > *extent || (*extent != 1 && term.upper <= term.lower)) return false;
      for (size_t k = first; k < used.size(); ++k) {
        if (used[k].loop == at) return false;
      }
      used.push_back({at, term.lower, term.upper, *extent});
      scale *= term.upper / term.lower;
    }
    if (!changed) {
      out.push_back(binding);
      continue;
    }
    Expr sum;
    for (size_t i = 0; i < flat.size(); ++i) {
      const Expr e = ToExpr(flat[i], used[used.size() - 1 - i].extent);
      sum = sum ? ir::MakeBinary(ir::ExprKind::kAdd, sum, e) : e;
    }
    out.push_back(sum);
  }
  return AreIndependent(used);
}

}  // namespace hone::schedule
