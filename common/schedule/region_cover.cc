#include "common/schedule/region_cover.h"

#include <algorithm>
#include <vector>

#include "common/arith/int_set.h"
#include "common/arith/region.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/schedule/affine.h"
#include "common/schedule/analysis.h"
#include "common/schedule/plain_box.h"

namespace hone::schedule {
namespace {

using arith::IntSet;
using arith::NDIntSet;
using ir::Expr;

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

// Whether one write of one producer covers `read`, told by numbers; false when that cannot be told.
bool IsPlainlyCovered(const ScheduleState& state, SrefId consumer, ir::BufferRegion read,
                      absl::Span<const SrefId> producers, SrefId lca, const LoopDomains& around) {
  std::optional<PlainBox> consumed;
  for (SrefId producer : producers) {
    for (ir::BufferRegion write : state.block(producer)->writes) {
      if (!(write->buffer == read->buffer)) continue;
      const std::string_view scope = read->buffer->scope();
      const std::optional<PlainBox> produced =
          BoxOf(state.at(producer).realize, write, DomainsOfPath(state, state.parent(producer), lca, scope), around,
                /*exact=*/true);
      if (!produced.has_value()) continue;
      if (!consumed.has_value()) {
        consumed =
            BoxOf(state.at(consumer).realize, read, DomainsOfPath(state, state.parent(consumer), lca, scope), around,
                  /*exact=*/false);
        if (!consumed.has_value()) return false;
      }
      if (Contains(*produced, *consumed)) return true;
    }
  }
  return false;
}

// What `consumer` reads of what `producers` write below their common ancestor `lca` is covered.
bool CoveredUnder(const ScheduleState& state, SrefId consumer, absl::Span<const SrefId> producers, SrefId lca) {
  const ir::BlockRealizeNode* realize = state.at(consumer).realize;
  const LoopDomains around = DomainsOfPath(state, lca, kNoSref);
  for (ir::BufferRegion read : realize->block->reads) {
    const bool written = std::any_of(producers.begin(), producers.end(), [&](SrefId producer) {
      const ir::Array<ir::BufferRegion> writes = state.block(producer)->writes;
      return std::any_of(writes.begin(), writes.end(),
                         [&](ir::BufferRegion write) { return write->buffer == read->buffer; });
    });
    if (!written || IsPlainlyCovered(state, consumer, read, producers, lca, around)) continue;
    arith::Analyzer analyzer;
    // Loops around both: a unit loop may occur in the indices of one only.
    for (const arith::IterDomain& domain : around) analyzer.Bind(domain.var, domain.range);
    std::vector<NDIntSet> produced;
    for (SrefId producer : producers) {
      for (ir::BufferRegion write : state.block(producer)->writes) {
        if (!(write->buffer == read->buffer)) continue;
        produced.push_back(ProducedRegion(state, producer, write, lca, analyzer));
      }
    }
    const LoopDomains domains = DomainsOfPath(state, state.parent(consumer), lca, read->buffer->scope());
    const NDIntSet consumed =
        arith::EstimateRegionUpperBound(Unbound(realize, read), domains, realize->predicate, analyzer);
    if (!Covers(read->buffer, arith::UnionNDIntSetsLowerBound(produced, analyzer), consumed, analyzer)) return false;
  }
  return true;
}

bool IsCovered(const ScheduleState& state, SrefId consumer, absl::Span<const SrefId> producers) {
  SrefList ancestors;  // In common with each producer.
  for (SrefId producer : producers) ancestors.push_back(LowestCommonAncestor(state, {consumer, producer}));
  for (SrefId lca = state.parent(consumer); lca != kNoSref; lca = state.parent(lca)) {
    SrefList here;
    for (size_t i = 0; i < producers.size(); ++i) {
      if (ancestors[i] == lca) here.push_back(producers[i]);
    }
    if (!here.empty() && !CoveredUnder(state, consumer, here, lca)) return false;
    if (state.block(lca) != nullptr) break;
  }
  return true;
}

// All that IsCovered reads of a block: its bindings and the regions that it reads or writes, and what is above it.
void AddBlock(const ScheduleState& state, SrefId block, ir::Array<ir::BufferRegion> regions, VerdictKey& key) {
  const ir::BlockRealizeNode* realize = state.at(block).realize;
  key.Add(realize->iter_values.data());
  key.Add(realize->block->iter_vars.data());
  key.Add(realize->predicate.get());
  key.Add(regions.data());
  key.Add(regions.size());
  for (SrefId id = state.parent(block); id != kNoSref; id = state.parent(id)) {
    key.Add(static_cast<uint64_t>(id));
    const ir::ForNode* loop = state.loop(id);
    if (loop == nullptr) continue;
    key.Add(loop->loop_var.get());
    key.Add(loop->min.get());
    key.Add(loop->extent.get());
    key.Add(loop->thread_binding);
  }
}

// IsCovered, looked up when neither block has changed.
bool IsCoveredOrKnown(ScheduleState& state, SrefId consumer, absl::Span<const SrefId> producers) {
  VerdictKey key(2);
  AddBlock(state, consumer, state.block(consumer)->reads, key);
  for (SrefId producer : producers) AddBlock(state, producer, state.block(producer)->writes, key);
  if (const std::optional<bool> known = state.flag_memo().Find(key)) return *known;
  const bool covered = IsCovered(state, consumer, producers);
  state.flag_memo().Add(key, covered);
  return covered;
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
    const bool covered = producers.empty() || IsCoveredOrKnown(state, child, producers);
    state.SetRegionCover(child, covered);
    stage_pipeline = stage_pipeline && covered;
  }
  state.SetStagePipeline(scope, stage_pipeline);
}

}  // namespace hone::schedule
