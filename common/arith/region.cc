#include "common/arith/region.h"

#include "common/arith/overlooked_predicate.h"
#include "common/ir/ops.h"

namespace hone::arith {

using ir::Expr;

namespace {

// The values of sum + [0, extent) when they have no gaps.
std::optional<IntSet> EvalIterSum(const IterSum& sum, Expr extent, Analyzer& analyzer) {
  if (sum.args.empty()) return IntSet::FromMinExtent(sum.base, extent);
  const IterSplit& split = sum.args[0];
  const Expr zero = ir::ConstOf(split.scale.dtype(), 0);
  if (!analyzer.CanProve(ir::GE(extent, split.scale))) return std::nullopt;
  const Expr reach = (split.extent - 1) * split.scale;
  if (analyzer.CanProve(ir::LT(split.scale, zero))) {
    return IntSet::FromMinExtent(sum.base + reach, analyzer.Simplify(extent - reach));
  }
  return IntSet::FromMinExtent(sum.base, analyzer.Simplify(extent + reach));
}

// What the region's iter map gives; more than is touched when `*overlooks_predicate`.
std::optional<NDIntSet> IterMapBound(ir::Array<ir::Range> region, IterDomains domains, Expr predicate,
                                     Analyzer& analyzer, bool* overlooks_predicate) {
  absl::InlinedVector<Expr, 4> mins;
  for (const ir::Range& range : region) {
    if (ir::ConstInt(range.extent) == nullptr) return std::nullopt;
    mins.push_back(range.min);
  }
  const IterMapResult map = DetectIterMap(mins, domains, predicate, IterMapLevel::kSurjective, analyzer,
                                          /*simplify_trivial_iterators=*/true, overlooks_predicate);
  if (!map.ok) return std::nullopt;
  NDIntSet out;
  for (size_t i = 0; i < region.size(); ++i) {
    std::optional<IntSet> set = EvalIterSum(map.indices[i], region[i].extent, analyzer);
    if (!set.has_value()) return std::nullopt;
    out.push_back(*set);
  }
  return out;
}

}  // namespace

std::optional<NDIntSet> EstimateRegionStrictBound(ir::Array<ir::Range> region, IterDomains domains, Expr predicate,
                                                  Analyzer& analyzer) {
  bool overlooks_predicate = false;
  std::optional<NDIntSet> out = IterMapBound(region, domains, predicate, analyzer, &overlooks_predicate);
  return overlooks_predicate ? std::nullopt : std::move(out);
}

std::optional<NDIntSet> EstimateRegionLowerBound(ir::Array<ir::Range> region, IterDomains domains, Expr predicate,
                                                 Analyzer& analyzer) {
  return EstimateRegionStrictBound(region, domains, predicate, analyzer);
}

NDIntSet EstimateRegionUpperBound(ir::Array<ir::Range> region, IterDomains domains, Expr predicate,
                                  Analyzer& analyzer) {
  bool overlooks_predicate = false;
  if (std::optional<NDIntSet> whole = IterMapBound(region, domains, predicate, analyzer, &overlooks_predicate)) {
    return *std::move(whole);
  }
  DomMap dom_map;
  for (const IterDomain& domain : domains) dom_map.Set(domain.var, domain.range);
  NDIntSet out;
  for (const ir::Range& range : region) {
    const IterMapResult map = DetectIterMap({range.min}, domains, predicate, IterMapLevel::kNoCheck, analyzer);
    std::optional<IntSet> set;
    if (map.ok) set = EvalIterSum(map.indices[0], range.extent, analyzer);
    out.push_back(set.has_value() ? *set : EvalSet(range, dom_map, analyzer));
  }
  return out;
}

}  // namespace hone::arith
