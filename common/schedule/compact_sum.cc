#include "common/schedule/compact_sum.h"

#include "common/ir/ops.h"

namespace hone::schedule {

using ir::Expr;

namespace {

struct Term {
  const ir::VarNode* var;
  int64_t scale;
};
using Terms = absl::InlinedVector<Term, 8>;

// var or var * literal
bool AsTerm(Expr e, Terms& out) {
  if (const auto* var = e.as<ir::VarNode>()) {
    out.push_back({var, 1});
    return true;
  }
  const auto* mul = e.as<ir::MulNode>();
  if (mul == nullptr) return false;
  const auto* var = mul->a.as<ir::VarNode>();
  const int64_t* scale = ir::ConstInt(mul->b);
  if (var == nullptr || scale == nullptr) return false;
  out.push_back({var, *scale});
  return true;
}

// A sum that leans to the left, flattened; with variables replaced by their (flat) values.
bool Flatten(Expr e, Terms& out) {
  if (const auto* add = e.as<ir::AddNode>()) return Flatten(add->a, out) && AsTerm(add->b, out);
  return AsTerm(e, out);
}

// ((v0 * f1 + v1) * f2 + v2) as v0 * (f1 * f2) + v1 * f2 + v2, times `scale`.
bool FlattenValue(Expr e, int64_t scale, Terms& out) {
  if (const auto* var = e.as<ir::VarNode>()) {
    out.push_back({var, scale});
    return true;
  }
  if (const auto* add = e.as<ir::AddNode>())
    return FlattenValue(add->a, scale, out) && FlattenValue(add->b, scale, out);
  if (const auto* mul = e.as<ir::MulNode>()) {
    const int64_t* factor = ir::ConstInt(mul->b);
    return factor != nullptr && FlattenValue(mul->a, scale * *factor, out);
  }
  return false;
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
  if (domains.size() > 64) return false;
  uint64_t used = 0;
  Terms terms;
  Terms flat;
  for (Expr binding : bindings) {
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
        if (!FlattenValue(*value, term.scale, flat)) return false;
        changed = true;
      }
    }
    // Each scale is the product of the extents to the right, and no loop is used twice.
    int64_t scale = 1;
    for (size_t i = flat.size(); i-- > 0;) {
      const int at = FindDomain(domains, flat[i].var);
      if (at < 0 || (used >> at & 1) != 0 || flat[i].scale != scale) return false;
      used |= uint64_t{1} << at;
      const int64_t* extent = ir::ConstInt(domains[at].range.extent);
      if (extent == nullptr || !ir::IsZero(domains[at].range.min)) return false;
      if (*extent == 1 && !rebinding.preserve_unit_iters) return false;
      if (!(domains[at].var.dtype() == binding.dtype())) return false;
      scale *= *extent;
    }
    if (!changed) {
      out.push_back(binding);
      continue;
    }
    Expr sum;
    for (const Term& term : flat) {
      Expr e = ir::Var(term.var);
      if (term.scale != 1) e = ir::MakeBinary(ir::ExprKind::kMul, e, ir::IntImm(e.dtype(), term.scale));
      sum = sum ? ir::MakeBinary(ir::ExprKind::kAdd, sum, e) : e;
    }
    out.push_back(sum);
  }
  return true;
}

}  // namespace hone::schedule
