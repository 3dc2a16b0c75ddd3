#include "common/schedule/plain_box.h"

#include <algorithm>
#include <utility>

#include "common/ir/ops.h"

namespace hone::schedule {
namespace {

using ir::Expr;

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

}  // namespace

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

bool Contains(const PlainBox& outside, const PlainBox& inside) {
  for (size_t d = 0; d < outside.size(); ++d) {
    if (!Contains(outside[d], inside[d])) return false;
  }
  return true;
}

}  // namespace hone::schedule
