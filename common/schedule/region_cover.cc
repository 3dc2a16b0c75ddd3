#include "common/schedule/region_cover.h"

#include <algorithm>
#include <vector>

#include "common/arith/int_set.h"
#include "common/arith/region.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/schedule/affine.h"
#include "common/schedule/analysis.h"

namespace hone::schedule {
namespace {

using arith::IntSet;
using arith::NDIntSet;

// The region in terms of loop variables.
ir::Array<ir::Range> Unbound(const ir::BlockRealizeNode* realize, ir::BufferRegion region) {
  ir::VarMap map;
  for (size_t i = 0; i < realize->iter_values.size(); ++i) {
    map[realize->block->iter_vars[i]->var.get()] = realize->iter_values[i];
  }
  return ir::Substitute(region, map)->region;
}

bool Covers(ir::Buffer buffer, const NDIntSet& produced, const NDIntSet& consumed, arith::Analyzer& analyzer) {
  for (size_t i = 0; i < buffer->shape.size(); ++i) {
    if (produced[i].IsNothing()) return false;
    const IntSet whole = IntSet::FromRange(ir::RangeFromExtent(buffer->shape[i]));
    const IntSet made = arith::Intersect(produced[i], whole, analyzer);
    const IntSet used = arith::Intersect(consumed[i], whole, analyzer);
    if (!made.IsBounded() || !used.IsBounded()) return false;
    if (!analyzer.CanProve(ir::LE(analyzer.Simplify(made.min()), analyzer.Simplify(used.min())))) return false;
    if (!analyzer.CanProve(ir::LE(analyzer.Simplify(used.max()), analyzer.Simplify(made.max())))) return false;
  }
  return true;
}

NDIntSet ProducedRegion(const ScheduleState& state, SrefId producer, ir::BufferRegion write, SrefId lca,
                        arith::Analyzer& analyzer) {
  const LoopDomains domains = DomainsOfPath(state, state.parent(producer), lca, write->buffer->scope());
  const ir::BlockRealizeNode* realize = state.at(producer).realize;
  std::optional<NDIntSet> region =
      arith::EstimateRegionLowerBound(Unbound(realize, write), domains, realize->predicate, analyzer);
  if (region.has_value()) return *std::move(region);
  return NDIntSet(write->region.size(), IntSet::Nothing());
}

// A sum of scaled variables and a number.
struct PlainSum {
  absl::InlinedVector<std::pair<const ir::VarNode*, int64_t>, 8> terms;
  int64_t base = 0;
};

// Adds `scale` times `e`, block iters as they are bound; false for anything but sums, products by numbers, variables.
bool AddPlain(ir::Expr e, int64_t scale, const ir::BlockRealizeNode* realize, PlainSum& out) {
  switch (e.kind()) {
    case ir::ExprKind::kIntImm:
      out.base += scale * e.as<ir::IntImmNode>()->value;
      return true;
    case ir::ExprKind::kVar: {
      const auto* var = e.as<ir::VarNode>();
      for (size_t i = 0; realize != nullptr && i < realize->iter_values.size(); ++i) {
        if (realize->block->iter_vars[i]->var.get() == var) {
          return AddPlain(realize->iter_values[i], scale, nullptr, out);
        }
      }
      for (auto& [known, coefficient] : out.terms) {
        if (known != var) continue;
        coefficient += scale;
        return true;
      }
      out.terms.emplace_back(var, scale);
      return true;
    }
    case ir::ExprKind::kAdd:
    case ir::ExprKind::kSub: {
      const auto* op = e.as<ir::BinaryNode>();
      return AddPlain(op->a, scale, realize, out) &&
             AddPlain(op->b, e.kind() == ir::ExprKind::kAdd ? scale : -scale, realize, out);
    }
    case ir::ExprKind::kMul: {
      const auto* op = e.as<ir::BinaryNode>();
      const int64_t* left = ir::ConstInt(op->a);
      const int64_t* right = ir::ConstInt(op->b);
      if (right != nullptr) return AddPlain(op->a, scale * *right, realize, out);
      return left != nullptr && AddPlain(op->b, scale * *left, realize, out);
    }
    default:
      return false;
  }
}

// One dimension of a box: [outer, outer + width).
struct PlainSide {
  PlainSum outer;
  int64_t width = 0;
};
using PlainBox = absl::InlinedVector<PlainSide, 4>;

// What `realize` touches of `region` when the variables of `domains` run; nullopt when that is no plain box. With
// `exact`, every point of the box is touched, whatever the other dimensions do.
std::optional<PlainBox> BoxOf(const ir::BlockRealizeNode* realize, ir::BufferRegion region, const LoopDomains& domains,
                              bool exact) {
  if (exact && !ir::IsTrue(realize->predicate)) return std::nullopt;
  PlainBox box;
  absl::InlinedVector<const ir::VarNode*, 8> used;
  for (const ir::Range& range : region->region) {
    const int64_t* extent = ir::ConstInt(range.extent);
    PlainSum sum;
    if (extent == nullptr || !AddPlain(range.min, 1, realize, sum)) return std::nullopt;
    PlainSide side;
    side.outer.base = sum.base;
    side.width = *extent;
    std::sort(sum.terms.begin(), sum.terms.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    for (const auto& [var, coefficient] : sum.terms) {
      const auto domain = std::find_if(domains.begin(), domains.end(),
                                       [v = var](const arith::IterDomain& d) { return d.var.get() == v; });
      if (coefficient == 0) continue;
      if (domain == domains.end()) {
        side.outer.terms.emplace_back(var, coefficient);
        continue;
      }
      const int64_t* steps = ir::ConstInt(domain->range.extent);
      if (steps == nullptr || !ir::IsZero(domain->range.min) || *steps < 1 || coefficient < 0) return std::nullopt;
      if (*steps == 1) continue;
      if (exact && (coefficient != side.width || std::find(used.begin(), used.end(), var) != used.end())) {
        return std::nullopt;
      }
      used.push_back(var);
      side.width += coefficient * (*steps - 1);
    }
    box.push_back(std::move(side));
  }
  return box;
}

bool Contains(const PlainSide& outside, const PlainSide& inside) {
  if (outside.outer.terms.size() != inside.outer.terms.size()) return false;
  for (const auto& term : outside.outer.terms) {
    if (std::find(inside.outer.terms.begin(), inside.outer.terms.end(), term) == inside.outer.terms.end()) return false;
  }
  return outside.outer.base <= inside.outer.base &&
         inside.outer.base + inside.width <= outside.outer.base + outside.width;
}

// Whether one write of one producer covers `read`, told by numbers; false when that cannot be told.
bool IsPlainlyCovered(const ScheduleState& state, SrefId consumer, ir::BufferRegion read,
                      absl::Span<const SrefId> producers, SrefId lca) {
  std::optional<PlainBox> consumed;
  for (SrefId producer : producers) {
    for (ir::BufferRegion write : state.block(producer)->writes) {
      if (!(write->buffer == read->buffer)) continue;
      const std::string_view scope = read->buffer->scope();
      const std::optional<PlainBox> produced =
          BoxOf(state.at(producer).realize, write, DomainsOfPath(state, state.parent(producer), lca, scope), true);
      if (!produced.has_value()) continue;
      if (!consumed.has_value()) {
        consumed =
            BoxOf(state.at(consumer).realize, read, DomainsOfPath(state, state.parent(consumer), lca, scope), false);
        if (!consumed.has_value()) return false;
      }
      bool all = true;
      for (size_t d = 0; all && d < produced->size(); ++d) all = Contains((*produced)[d], (*consumed)[d]);
      if (all) return true;
    }
  }
  return false;
}

// What `consumer` reads of what `producers` write below their common ancestor `lca` is covered.
bool CoveredUnder(const ScheduleState& state, SrefId consumer, absl::Span<const SrefId> producers, SrefId lca) {
  const ir::BlockRealizeNode* realize = state.at(consumer).realize;
  for (ir::BufferRegion read : realize->block->reads) {
    if (IsPlainlyCovered(state, consumer, read, producers, lca)) continue;
    arith::Analyzer analyzer;
    // Loops around both: a unit loop may occur in the indices of one only.
    for (const arith::IterDomain& domain : DomainsOfPath(state, lca, kNoSref)) analyzer.Bind(domain.var, domain.range);
    std::vector<NDIntSet> produced;
    for (SrefId producer : producers) {
      for (ir::BufferRegion write : state.block(producer)->writes) {
        if (!(write->buffer == read->buffer)) continue;
        produced.push_back(ProducedRegion(state, producer, write, lca, analyzer));
      }
    }
    if (produced.empty()) continue;
    const LoopDomains domains = DomainsOfPath(state, state.parent(consumer), lca, read->buffer->scope());
    const NDIntSet consumed =
        arith::EstimateRegionUpperBound(Unbound(realize, read), domains, realize->predicate, analyzer);
    if (!Covers(read->buffer, arith::UnionNDIntSetsLowerBound(produced, analyzer), consumed, analyzer)) return false;
  }
  return true;
}

bool IsCovered(const ScheduleState& state, SrefId consumer, absl::Span<const SrefId> producers) {
  for (SrefId lca = state.parent(consumer); lca != kNoSref; lca = state.parent(lca)) {
    SrefList here;
    for (SrefId producer : producers) {
      if (LowestCommonAncestor(state, {consumer, producer}) == lca) here.push_back(producer);
    }
    if (!here.empty() && !CoveredUnder(state, consumer, here, lca)) return false;
    if (state.block(lca) != nullptr) break;
  }
  return true;
}

}  // namespace

void ComputeChildFlags(ScheduleState& state, SrefId scope) {
  const BlockScope& dependencies = state.ScopeOf(scope);
  bool stage_pipeline = true;
  for (const Dependency& d : dependencies.dependencies) {
    if (d.kind == DependencyKind::kWar || d.kind == DependencyKind::kOpaque) stage_pipeline = false;
  }
  for (SrefId child : dependencies.children) {
    SrefList producers;
    for (const Dependency& d : dependencies.dependencies) {
      if (d.dst != child || d.kind != DependencyKind::kRaw) continue;
      if (std::find(producers.begin(), producers.end(), d.src) == producers.end()) producers.push_back(d.src);
    }
    const bool covered = producers.empty() || IsCovered(state, child, producers);
    state.SetRegionCover(child, covered);
    stage_pipeline = stage_pipeline && covered;
  }
  state.SetStagePipeline(scope, stage_pipeline);
}

}  // namespace hone::schedule
