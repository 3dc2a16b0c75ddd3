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

// ---- boxes told by numbers: what nearly all regions of tiled programs are

// ((var % upper) / lower) * scale, rounding down.
struct PlainTerm {
  const ir::VarNode* var;
  int64_t lower;
  int64_t upper;  // 0: no remainder is taken.
  int64_t scale;

  bool SameDigit(const PlainTerm& other) const {
    return var == other.var && lower == other.lower && upper == other.upper;
  }
  bool operator==(const PlainTerm& other) const { return SameDigit(other) && scale == other.scale; }
};

struct PlainSum {
  absl::InlinedVector<PlainTerm, 6> terms;
  int64_t base = 0;

  void Add(const PlainTerm& term) {
    for (PlainTerm& known : terms) {
      if (!known.SameDigit(term)) continue;
      known.scale += term.scale;
      return;
    }
    terms.push_back(term);
  }
};

// One dimension of a box: [outer, outer + width).
struct PlainSide {
  PlainSum outer;
  int64_t width = 0;
};
using PlainBox = absl::InlinedVector<PlainSide, 8>;

constexpr int64_t kLimit = int64_t{1} << 30;  // Of numbers that are multiplied.

// The extent of the loop of `var`; 0 when it is not among them or no number.
int64_t ExtentIn(const LoopDomains& domains, const ir::VarNode* var) {
  for (const arith::IterDomain& domain : domains) {
    if (domain.var.get() != var) continue;
    const int64_t* extent = ir::ConstInt(domain.range.extent);
    return extent != nullptr && ir::IsZero(domain.range.min) && *extent <= kLimit ? *extent : 0;
  }
  return 0;
}

// Reads indices as sums of digits of loop variables.
class SumReader {
 public:
  SumReader(const ir::BlockRealizeNode* realize, const LoopDomains& domains, const LoopDomains& around)
      : realize_(realize), domains_(domains), around_(around) {}

  // Adds `scale` times `e`, block iters as they are bound when `bind`; false when it is no such sum.
  bool Add(Expr e, int64_t scale, bool bind, PlainSum& out) const {
    if (scale > kLimit || scale < -kLimit) return false;
    switch (e.kind()) {
      case ir::ExprKind::kIntImm: {
        const int64_t value = e.as<ir::IntImmNode>()->value;
        if (value > kLimit || value < -kLimit) return false;
        out.base += scale * value;
        return true;
      }
      case ir::ExprKind::kVar:
        return AddVar(e.as<ir::VarNode>(), scale, bind, out);
      case ir::ExprKind::kAdd:
      case ir::ExprKind::kSub: {
        const auto* op = e.as<ir::BinaryNode>();
        return Add(op->a, scale, bind, out) && Add(op->b, e.kind() == ir::ExprKind::kAdd ? scale : -scale, bind, out);
      }
      case ir::ExprKind::kMul: {
        const auto* op = e.as<ir::BinaryNode>();
        const int64_t* left = ir::ConstInt(op->a);
        const int64_t* right = ir::ConstInt(op->b);
        const int64_t* factor = right != nullptr ? right : left;
        if (factor == nullptr || *factor > kLimit || *factor < -kLimit) return false;
        return Add(right != nullptr ? op->a : op->b, scale * *factor, bind, out);
      }
      case ir::ExprKind::kFloorDiv:
      case ir::ExprKind::kFloorMod: {
        const auto* op = e.as<ir::BinaryNode>();
        const int64_t* divisor = ir::ConstInt(op->b);
        PlainSum sum;
        if (divisor == nullptr || *divisor < 1 || *divisor > kLimit || !Add(op->a, 1, bind, sum)) return false;
        return AddPart(sum, *divisor, e.kind() == ir::ExprKind::kFloorDiv, scale, out);
      }
      default:
        return false;
    }
  }

 private:
  bool AddVar(const ir::VarNode* var, int64_t scale, bool bind, PlainSum& out) const {
    for (size_t i = 0; bind && i < realize_->iter_values.size(); ++i) {
      if (realize_->block->iter_vars[i]->var.get() == var) {
        return Add(realize_->iter_values[i], scale, /*bind=*/false, out);
      }
    }
    // A unit loop may occur in the indices of one block only.
    if (ExtentOf(var) != 1) out.Add({var, 1, 0, scale});
    return true;
  }

  int64_t ExtentOf(const ir::VarNode* var) const {
    const int64_t extent = ExtentIn(domains_, var);
    return extent != 0 ? extent : ExtentIn(around_, var);
  }

  // The largest value of the terms but for `without` and of the base, none of which is negative; -1 when unknown.
  int64_t Largest(const PlainSum& sum, int without) const {
    int64_t largest = sum.base;
    for (int i = 0; i < static_cast<int>(sum.terms.size()); ++i) {
      if (i == without) continue;
      const PlainTerm& term = sum.terms[i];
      const int64_t extent = ExtentOf(term.var);
      if (extent == 0 || term.scale < 0) return -1;
      const int64_t values = term.upper != 0 ? std::min(term.upper, extent) : extent;
      largest += (values - 1) / term.lower * term.scale;
    }
    return largest;
  }

  // Adds `scale` times the quotient of the sum, or the remainder.
  bool AddPart(const PlainSum& sum, int64_t divisor, bool quotient, int64_t scale, PlainSum& out) const {
    PlainSum rest;
    rest.base = ir::FloorModInt(sum.base, divisor);
    if (quotient) out.base += (sum.base - rest.base) / divisor * scale;
    for (const PlainTerm& term : sum.terms) {
      if (term.scale % divisor != 0) {
        rest.terms.push_back(term);
      } else if (quotient) {
        out.Add({term.var, term.lower, term.upper, term.scale / divisor * scale});
      }
    }
    const int64_t largest = Largest(rest, -1);
    if (largest < 0 || largest >= divisor) {
      if (!CutLeading(rest, divisor, quotient)) return false;
    } else if (quotient) {
      return true;
    }
    out.base += rest.base * scale;
    for (PlainTerm term : rest.terms) {
      term.scale *= scale;
      out.Add(term);
    }
    return true;
  }

  // The quotient or remainder of a sum in which one term is a multiple of more than the others come to.
  bool CutLeading(PlainSum& rest, int64_t divisor, bool quotient) const {
    int leading = -1;
    for (int i = 0; i < static_cast<int>(rest.terms.size()); ++i) {
      if (leading < 0 || rest.terms[i].scale > rest.terms[leading].scale) leading = i;
    }
    if (leading < 0) return false;
    PlainTerm& term = rest.terms[leading];
    if (term.scale <= 0 || divisor % term.scale != 0) return false;
    const int64_t others = Largest(rest, leading);
    if (others < 0 || others >= term.scale) return false;
    const int64_t above = term.lower * (divisor / term.scale);
    if (above > kLimit) return false;
    if (quotient) {
      rest = PlainSum{{{term.var, above, term.upper, 1}}, 0};
      return true;
    }
    if (term.upper != 0 && term.upper % above != 0) return false;
    term.upper = above;
    return true;
  }

  const ir::BlockRealizeNode* realize_;
  const LoopDomains& domains_;
  const LoopDomains& around_;
};

// A digit of a variable that takes all values in [0, extent).
struct Digit {
  const ir::VarNode* var;
  int64_t lower;
  int64_t upper;
  int64_t extent;
};
using Digits = absl::InlinedVector<Digit, 8>;

// Whether the digits take all combinations of their values.
bool AreIndependent(Digits& digits) {
  std::sort(digits.begin(), digits.end(),
            [](const Digit& a, const Digit& b) { return a.var != b.var ? a.var < b.var : a.lower < b.lower; });
  for (size_t i = 0; i < digits.size(); ++i) {
    const Digit& digit = digits[i];
    const bool last = i + 1 == digits.size() || digits[i + 1].var != digit.var;
    const int64_t above = last ? digit.extent : digits[i + 1].lower;
    if (digit.upper % digit.lower != 0 || above % digit.upper != 0) return false;
  }
  return true;
}

bool Contains(const PlainSide& outside, const PlainSide& inside) {
  if (outside.outer.terms.size() != inside.outer.terms.size()) return false;
  for (const PlainTerm& term : outside.outer.terms) {
    if (std::find(inside.outer.terms.begin(), inside.outer.terms.end(), term) == inside.outer.terms.end()) return false;
  }
  return outside.outer.base <= inside.outer.base &&
         inside.outer.base + inside.width <= outside.outer.base + outside.width;
}

// What `realize` touches of `region` when the variables of `domains` run; those of `around`, which run around all, are
// left in it. nullopt when that is no plain box. With `exact`, every point of the box is touched, whatever the other
// dimensions do; else it may be larger than what is touched.
std::optional<PlainBox> BoxOf(const ir::BlockRealizeNode* realize, ir::BufferRegion region, const LoopDomains& domains,
                              const LoopDomains& around, bool exact) {
  if (exact && !ir::IsTrue(realize->predicate)) return std::nullopt;
  const SumReader reader(realize, domains, around);
  PlainBox box;
  Digits used;
  for (const ir::Range& range : region->region) {
    const int64_t* extent = ir::ConstInt(range.extent);
    PlainSum sum;
    if (extent == nullptr || !reader.Add(range.min, 1, /*bind=*/true, sum)) return std::nullopt;
    PlainSide side;
    side.outer.base = sum.base;
    side.width = *extent;
    std::sort(sum.terms.begin(), sum.terms.end(),
              [](const PlainTerm& a, const PlainTerm& b) { return a.scale < b.scale; });
    for (const PlainTerm& term : sum.terms) {
      if (term.scale == 0) continue;
      const bool runs = std::any_of(domains.begin(), domains.end(),
                                    [&](const arith::IterDomain& domain) { return domain.var.get() == term.var; });
      if (!runs) {
        side.outer.terms.push_back(term);
        continue;
      }
      const int64_t steps = ExtentIn(domains, term.var);
      if (steps < 1 || term.scale < 0) return std::nullopt;
      const int64_t upper = term.upper != 0 ? std::min(term.upper, steps) : steps;
      const int64_t largest = (upper - 1) / term.lower;
      if (largest == 0) continue;
      if (exact && term.scale != side.width) return std::nullopt;
      used.push_back({term.var, term.lower, upper, steps});
      side.width += term.scale * largest;
    }
    box.push_back(std::move(side));
  }
  if (exact && !AreIndependent(used)) return std::nullopt;
  return box;
}

// Whether, for all values of the variables around, `inside` is inside of `outside`; false when that cannot be told.
bool Contains(const PlainBox& outside, const PlainBox& inside) {
  for (size_t d = 0; d < outside.size(); ++d) {
    if (!Contains(outside[d], inside[d])) return false;
  }
  return true;
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
