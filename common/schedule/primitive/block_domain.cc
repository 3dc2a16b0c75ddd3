#include "common/schedule/primitive/block_domain.h"

#include "common/arith/iter_map.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"

namespace hone::schedule {
namespace {

using arith::Analyzer;
using arith::IntSet;
using ir::BinaryNode;
using ir::Expr;
using ir::ExprKind;

IntSet Simplified(const IntSet& set, Analyzer& analyzer) {
  if (set.IsNothing()) return set;
  const Expr min = set.min() ? analyzer.Simplify(set.min()) : set.min();
  if (set.IsSinglePoint()) return IntSet::SinglePoint(min);
  return IntSet::Interval(min, set.max() ? analyzer.Simplify(set.max()) : set.max());
}

IntSet UnionOf(const IntSet& a, const IntSet& b, Analyzer& analyzer) {
  if (a.IsNothing()) return b;
  if (b.IsNothing()) return a;
  return arith::Union(a, b, analyzer);
}

// Joins what one more buffer says of an iter; over-approximates (d0 and b0) or (d1 and b1).
void Join(SolvedDomain& into, const SolvedDomain& other, Analyzer& analyzer) {
  into.domain = UnionOf(into.domain, other.domain, analyzer);
  into.bound = UnionOf(into.bound, other.bound, analyzer);
}

// [0, dim - 1], not empty.
IntSet WholeDimension(Expr dim) {
  const Expr zero = ir::ConstOf(dim.dtype(), 0);
  return IntSet::Interval(zero, ir::Max(dim - 1, zero));
}

class Solver {
 public:
  Solver(ir::Array<ir::IterVar> iters, Analyzer& analyzer, SolvedDomains* out)
      : iters_(iters), analyzer_(analyzer), out_(*out) {
    out_.resize(iters.size());
  }

  bool Add(const RegionPair& pair) { return AddByInverse(pair) || AddByDimension(pair); }

  void Finish() {
    for (size_t i = 0; i < iters_.size(); ++i) Finish(IntSet::FromRange(iters_[i]->dom), out_[i]);
  }

 private:
  int IndexOf(const ir::VarNode* var) const {
    for (size_t i = 0; i < iters_.size(); ++i) {
      if (iters_[i]->var.get() == var) return static_cast<int>(i);
    }
    return -1;
  }

  // Exactly `point` is required.
  bool Requires(const IntSet& required, Expr point) {
    return analyzer_.CanProveEqual(required.min(), point) && analyzer_.CanProveEqual(required.max(), point);
  }

  // The indices are a bijective map of the iters: invert it.
  bool AddByInverse(const RegionPair& pair) {
    absl::InlinedVector<Expr, 6> indices;
    for (size_t i = 0; i < pair.provided.size(); ++i) {
      if (!pair.required[i].IsBounded() || !pair.provided[i].CanProveSinglePoint(analyzer_)) return false;
      indices.push_back(pair.provided[i].min());
    }
    if (AddPermutation(pair, indices)) return true;
    absl::InlinedVector<arith::IterDomain, 8> domains;
    for (ir::IterVar iter : iters_) domains.push_back({iter->var, iter->dom});
    const arith::IterMapResult map =
        arith::DetectIterMap(indices, domains, ir::BoolImm(true), arith::IterMapLevel::kBijective, analyzer_,
                             /*simplify_trivial_iterators=*/false);
    if (!map.ok) return false;
    absl::InlinedVector<Expr, 6> outputs;
    arith::DomMap required, whole;
    for (size_t i = 0; i < indices.size(); ++i) {
      const ir::Var var = ir::MakeVar("output", indices[i].dtype());
      outputs.push_back(var);
      required.Set(var, pair.required[i]);
      whole.Set(var, WholeDimension(pair.buffer->shape[i]));
    }
    ir::VarMap inverse;
    if (!arith::InverseAffineIterMap(map.indices, outputs, analyzer_, &inverse)) return false;
    // A constant index provides only itself.
    for (size_t i = 0; i < indices.size(); ++i) {
      if (map.indices[i].args.empty() && !Requires(pair.required[i], indices[i])) return false;
    }
    SolvedDomains solved(iters_.size());
    for (const auto& [var, value] : inverse) {
      const int i = IndexOf(var);
      if (i < 0) return false;
      solved[i] = {arith::EvalSet(value, required, analyzer_), arith::EvalSet(value, whole, analyzer_)};
      if (!solved[i].domain.IsBounded() || !solved[i].bound.IsBounded()) return false;
    }
    for (size_t i = 0; i < solved.size(); ++i) Join(out_[i], solved[i], analyzer_);
    return true;
  }

  // The common case: each iter of extent other than 1 is exactly one index.
  bool AddPermutation(const RegionPair& pair, absl::Span<const Expr> indices) {
    absl::InlinedVector<int, 8> iter_of;
    absl::InlinedVector<bool, 8> used(iters_.size(), false);
    for (Expr index : indices) {
      const int i = index.kind() == ExprKind::kVar ? IndexOf(static_cast<const ir::VarNode*>(index.get())) : -1;
      if (i < 0 || used[i]) return false;
      used[i] = true;
      iter_of.push_back(i);
    }
    for (size_t i = 0; i < iters_.size(); ++i) {
      if (!used[i] && !ir::IsOne(iters_[i]->dom.extent)) return false;
    }
    for (size_t i = 0; i < indices.size(); ++i) {
      const SolvedDomain solved = {Simplified(pair.required[i], analyzer_), WholeDimension(pair.buffer->shape[i])};
      Join(out_[iter_of[i]], solved, analyzer_);
    }
    return true;
  }

  bool AddByDimension(const RegionPair& pair) {
    for (size_t i = 0; i < pair.provided.size(); ++i) {
      const IntSet& provided = pair.provided[i];
      if (!provided.IsBounded()) return false;
      if (!pair.required[i].IsBounded()) return false;
      if (provided.CanProveSinglePoint(analyzer_) && ir::ConstInt(provided.min()) != nullptr) {
        if (!Requires(pair.required[i], provided.min())) return false;
        continue;
      }
      if (!AddDimension(provided, pair.required[i], WholeDimension(pair.buffer->shape[i]))) return false;
    }
    return true;
  }

  bool AddDimension(const IntSet& provided, const IntSet& required, const IntSet& whole) {
    const Expr min = analyzer_.Simplify(provided.min());
    const Expr max = analyzer_.Simplify(provided.max());
    if (const auto* mul = min.as<ir::MulNode>()) {
      Expr var = mul->a;
      Expr factor = mul->b;
      if (var.kind() != ExprKind::kVar) std::swap(var, factor);
      if (var.kind() != ExprKind::kVar) return false;
      const SolvedDomain solved = {Divided(required, factor), Divided(whole, factor)};
      return AddTo(var, solved);
    }
    return analyzer_.CanProveEqual(min, max) && AddPoint(min, required, whole);
  }

  IntSet Divided(const IntSet& set, Expr factor) {
    return IntSet::Interval(analyzer_.Simplify(ir::FloorDiv(set.min(), factor)),
                            analyzer_.Simplify(ir::FloorDiv(set.max(), factor)));
  }

  // The single point `index` must take all values of `required`.
  bool AddPoint(Expr index, const IntSet& required, const IntSet& whole) {
    switch (index.kind()) {
      case ExprKind::kVar:
        return AddTo(index, {Simplified(required, analyzer_), whole});
      case ExprKind::kFloorDiv: {
        // a <= x // f <= b  <=>  a * f <= x <= b * f + f - 1
        const auto* op = index.as<BinaryNode>();
        if (!analyzer_.CanProveGreaterEqual(op->b, 1)) return false;
        auto scaled = [&](const IntSet& set) {
          return IntSet::Interval(analyzer_.Simplify(set.min() * op->b),
                                  analyzer_.Simplify(set.max() * op->b + op->b - 1));
        };
        return AddPoint(op->a, scaled(required), scaled(whole));
      }
      case ExprKind::kFloorMod: {
        // Says nothing of the dividend: its iters run over their whole domains.
        bool known = false;
        ir::PostOrderVisitExprs(index, [&](Expr e) {
          known |= e.kind() == ExprKind::kVar && IndexOf(static_cast<const ir::VarNode*>(e.get())) >= 0;
        });
        return known;
      }
      default:
        return false;
    }
  }

  bool AddTo(Expr var, const SolvedDomain& solved) {
    const int i = IndexOf(static_cast<const ir::VarNode*>(var.get()));
    if (i >= 0) Join(out_[i], solved, analyzer_);
    return true;
  }

  // The common case: bounds that are numbers, and a domain that is surely inside of them.
  bool FinishInside(const IntSet& own, SolvedDomain& solved) {
    if (!solved.domain.IsBounded() || !own.IsBounded() || !solved.bound.IsBounded()) return false;
    const IntSet domain = Simplified(solved.domain, analyzer_);
    const int64_t low = analyzer_.const_int_bound(domain.min()).min_value;
    const int64_t high = analyzer_.const_int_bound(domain.max()).max_value;
    for (const IntSet& outside : {own, solved.bound}) {
      const int64_t* least = ir::ConstInt(outside.min());
      const int64_t* most = ir::ConstInt(outside.max());
      if (least == nullptr || most == nullptr || low < *least || high > *most) return false;
    }
    solved = {domain, IntSet::Nothing()};
    return true;
  }

  void Finish(const IntSet& own, SolvedDomain& solved) {
    if (!solved.domain.IsNothing() && FinishInside(own, solved)) return;
    solved.bound = solved.bound.IsNothing() ? own : arith::Intersect(solved.bound, own, analyzer_);
    if (solved.domain.IsNothing()) {
      solved.domain = solved.bound;
      solved.bound = IntSet::Nothing();
      return;
    }
    solved.domain = Simplified(solved.domain, analyzer_);
    solved.bound = Simplified(solved.bound, analyzer_);
    const IntSet both = Simplified(arith::Intersect(solved.domain, solved.bound, analyzer_), analyzer_);
    auto same = [&](const IntSet& a, const IntSet& b) {
      return analyzer_.CanProveEqual(a.min(), b.min()) && analyzer_.CanProveEqual(a.max(), b.max());
    };
    if (both.IsNothing()) return;
    if (same(solved.domain, both)) {
      solved.bound = IntSet::Nothing();
    } else if (same(solved.bound, both)) {
      solved.domain = solved.bound;
      solved.bound = IntSet::Nothing();
    } else if (ir::ConstInt(both.min()) != nullptr && ir::ConstInt(both.max()) != nullptr) {
      solved.domain = both;
      solved.bound = IntSet::Nothing();
    }
  }

  ir::Array<ir::IterVar> iters_;
  Analyzer& analyzer_;
  SolvedDomains& out_;
};

}  // namespace

bool SolveBlockDomains(ir::Array<ir::IterVar> iters, absl::Span<const RegionPair> regions, Analyzer& analyzer,
                       SolvedDomains* out) {
  Solver solver(iters, analyzer, out);
  for (const RegionPair& pair : regions) {
    if (!pair.required.empty() && !solver.Add(pair)) return false;
  }
  solver.Finish();
  return true;
}

}  // namespace hone::schedule
