#include <algorithm>
#include <cstdlib>

#include "common/arith/deep_equal.h"
#include "common/arith/index_map.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"

namespace hone::arith {
namespace {

using ir::ConstInt;
using ir::Expr;
using ir::ExprKind;

constexpr int64_t kMostFactor = int64_t{1} << 31;

bool Contains(absl::Span<const ir::Var> vars, ir::Var var) {
  return std::find(vars.begin(), vars.end(), var) != vars.end();
}

const IterDomain* Find(IterDomains iters, Expr var) {
  for (const IterDomain& iter : iters) {
    if (iter.var == var) return &iter;
  }
  return nullptr;
}

// ---- numbers of a sum

// A term takes the values 0, scale, ..., scale * (extent - 1); an extent that is no number is -1.
struct Digit {
  int64_t scale;
  int64_t extent;
};
using Digits = absl::InlinedVector<Digit, 8>;

// Whether the sum of the digits tells each of them: none reaches the scale of a larger one together with those below.
bool Decodable(Digits digits) {
  for (Digit& digit : digits) digit.scale = std::abs(digit.scale);
  std::sort(digits.begin(), digits.end(), [](const Digit& a, const Digit& b) { return a.scale < b.scale; });
  int64_t reach = 0;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (digits[i].scale <= reach) return false;
    if (i + 1 == digits.size()) break;
    if (digits[i].extent < 1 || digits[i].extent > kMostFactor || digits[i].scale > kMostFactor) return false;
    reach += digits[i].scale * (digits[i].extent - 1);
    if (reach > kMostFactor * kMostFactor / 2) return false;
  }
  return true;
}

// ---- sums of variables times numbers

struct Term {
  const IterDomain* iter;
  int64_t scale;
};

class FlatSum {
 public:
  FlatSum(IterDomains iters, absl::Span<const ir::Var> inner) : iters_(iters), inner_(inner) {}

  // Adds `e` * `scale`. False when an inner iterator occurs in another way.
  bool Add(Expr e, int64_t scale) {
    if (e.kind() == ExprKind::kAdd || e.kind() == ExprKind::kSub) {
      const auto* op = e.as<ir::BinaryNode>();
      return Add(op->a, scale) && Add(op->b, e.kind() == ExprKind::kSub ? -scale : scale);
    }
    if (const auto* mul = e.as<ir::MulNode>()) {
      const int64_t* factor = ConstInt(mul->b);
      if (factor != nullptr && std::abs(scale) < kMostFactor && *factor > -kMostFactor && *factor < kMostFactor) {
        return Add(mul->a, scale * *factor);
      }
    }
    if (const auto* var = e.as<ir::VarNode>()) {
      if (!Contains(inner_, ir::Var(var))) return true;
      const IterDomain* iter = Find(iters_, e);
      for (Term& term : terms) {
        if (term.iter != iter) continue;
        return false;  // Several times: left to the iteration map.
      }
      terms.push_back({iter, scale});
      return true;
    }
    return !ir::UsesVar(e, [&](ir::Var var) { return Contains(inner_, var); });
  }

  absl::InlinedVector<Term, 8> terms;

 private:
  IterDomains iters_;
  absl::Span<const ir::Var> inner_;
};

bool TakesOneValue(const IterDomain& iter) { return ir::IsOne(iter.range.extent); }

// Every index is such a sum that tells its terms, and all inner iterators are in one.
bool FlatSumsTellApart(absl::Span<const Expr> indices, IterDomains iters, absl::Span<const ir::Var> inner) {
  absl::InlinedVector<const IterDomain*, 8> told;
  for (Expr index : indices) {
    FlatSum sum(iters, inner);
    if (!sum.Add(index, 1)) return false;
    Digits digits;
    for (const Term& term : sum.terms) {
      if (TakesOneValue(*term.iter)) continue;
      const int64_t* extent = ConstInt(term.iter->range.extent);
      digits.push_back({term.scale, extent != nullptr ? *extent : -1});
      told.push_back(term.iter);
    }
    if (!Decodable(std::move(digits))) return false;
  }
  return std::all_of(inner.begin(), inner.end(), [&](ir::Var var) {
    const IterDomain* iter = Find(iters, var);
    return TakesOneValue(*iter) || std::find(told.begin(), told.end(), iter) != told.end();
  });
}

// ---- iteration maps

// Goes from the values of the indices, which are known, down to the inner iterators.
class MapInversion {
 public:
  MapInversion(IterDomains iters, absl::Span<const ir::Var> inner) : iters_(iters), inner_(inner) {}

  bool Succeeds(absl::Span<const IterSum> indices) {
    for (const IterSum& sum : indices) {
      if (!Note(sum.args)) return false;
    }
    // Marks are appended while their users are visited.
    for (size_t i = 0; i < uses_.size(); ++i) {
      const Use use = uses_[i];
      if (use.mark->sum != nullptr && !Note(use.mark->sum->args)) return false;
    }
    for (const Use& use : uses_) {
      if (!Covers(use)) return false;
    }
    return std::all_of(inner_.begin(), inner_.end(), [&](ir::Var var) {
      return TakesOneValue(*Find(iters_, var)) || std::any_of(uses_.begin(), uses_.end(), [&](const Use& use) {
               return use.mark->source && ir::UsesVar(use.mark->source, var);
             });
    });
  }

 private:
  struct Use {
    const IterMark* mark;
    absl::InlinedVector<IterSplit, 2> splits;
  };

  // Made of inner iterators, at least in part.
  bool IsInner(const IterMark* mark) const {
    if (mark->sum == nullptr) {
      return ir::UsesVar(mark->source, [&](ir::Var var) { return Contains(inner_, var); });
    }
    return std::any_of(mark->sum->args.begin(), mark->sum->args.end(),
                       [&](const IterSplit& split) { return IsInner(split.source); });
  }

  // Notes the inner terms of a sum whose value is known. False when it does not tell them.
  bool Note(const ir::Array<IterSplit>& args) {
    Digits digits;
    size_t count = 0;
    bool numbers = true;
    for (const IterSplit& split : args) {
      if (ir::IsOne(split.extent) || !IsInner(split.source)) continue;
      ++count;
      const int64_t* scale = ConstInt(split.scale);
      const int64_t* extent = ConstInt(split.extent);
      numbers = numbers && scale != nullptr && *scale > INT64_MIN;
      if (numbers) digits.push_back({*scale, extent != nullptr ? *extent : -1});
      Add(split);
    }
    return count <= 1 || (numbers && Decodable(std::move(digits)));
  }

  void Add(const IterSplit& split) {
    for (Use& use : uses_) {
      if (use.mark == split.source) {
        use.splits.push_back(split);
        return;
      }
    }
    uses_.push_back({split.source, {split}});
  }

  // The splits tell the value of their mark.
  static bool Covers(const Use& use) {
    const auto whole = [&](const IterSplit& split) {
      return ir::IsOne(split.lower_factor) && DeepEqual(split.extent, use.mark->extent);
    };
    if (std::any_of(use.splits.begin(), use.splits.end(), whole)) return true;
    const int64_t* total = ConstInt(use.mark->extent);
    if (total == nullptr) return false;
    struct Part {
      int64_t lower;
      int64_t extent;
    };
    absl::InlinedVector<Part, 4> parts;
    for (const IterSplit& split : use.splits) {
      const int64_t* lower = ConstInt(split.lower_factor);
      const int64_t* extent = ConstInt(split.extent);
      if (lower == nullptr || extent == nullptr || *lower < 1 || *extent < 1) return false;
      if (*lower > kMostFactor || *extent > kMostFactor) return false;
      parts.push_back({*lower, *extent});
    }
    std::sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.lower < b.lower; });
    int64_t known = 1;  // The value is known up to a multiple of this.
    for (const Part& part : parts) {
      if (known % part.lower != 0) return false;
      known = std::max(known, part.lower * part.extent);
    }
    return known >= *total;
  }

  IterDomains iters_;
  absl::Span<const ir::Var> inner_;
  std::vector<Use> uses_;
};

}  // namespace

bool TellsApart(absl::Span<const Expr> indices, IterDomains iters, absl::Span<const ir::Var> inner, Expr predicate,
                Analyzer& analyzer) {
  if (FlatSumsTellApart(indices, iters, inner)) return true;
  absl::InlinedVector<IterDomain, 8> inner_only;
  for (ir::Var var : inner) inner_only.push_back(*Find(iters, var));
  const auto tells = [&](IterDomains domains, Expr condition) {
    const IterMapResult map = DetectIterMap(indices, domains, condition, IterMapLevel::kNoCheck, analyzer, false);
    return map.ok && MapInversion(domains, inner).Succeeds(map.indices);
  };
  if (tells(iters, ir::BoolImm(true)) || tells(inner_only, ir::BoolImm(true))) return true;
  return !ir::IsTrue(predicate) && tells(iters, predicate);
}

}  // namespace hone::arith
