#include "common/arith/index_map.h"

#include "common/arith/iter_map.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/support/check.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::arith {

using ir::Expr;
using ir::IndexMapNode;
using ir::Range;
using ir::Var;

namespace {

absl::InlinedVector<IterDomain, 8> DomainsOf(const IndexMapNode* map, absl::Span<const Range> ranges) {
  HONE_CHECK(map->initial_indices.size() == ranges.size());
  absl::InlinedVector<IterDomain, 8> out;
  for (size_t i = 0; i < ranges.size(); ++i) out.push_back({map->initial_indices[i], ranges[i]});
  return out;
}

absl::StatusOr<NonSurjectiveInverseMap> Invert(const IndexMapNode* map, absl::Span<const Range> ranges,
                                               IterMapLevel level, Analyzer& analyzer) {
  if (map->initial_indices.size() != ranges.size()) {
    return absl::InvalidArgumentError(
        StrCat("the index map has ", map->initial_indices.size(), " inputs, expected ", ranges.size()));
  }
  if (map->inverse != nullptr) return NonSurjectiveInverseMap{map->inverse, ir::BoolImm(false)};
  const auto domains = DomainsOf(map, ranges);
  const IterMapResult iter_map =
      DetectIterMap(absl::MakeSpan(map->final_indices.data(), map->final_indices.size()), domains, ir::BoolImm(true),
                    level, analyzer, /*simplify_trivial_iterators=*/false);
  if (!iter_map.ok) return absl::InvalidArgumentError(StrCat("the index map can not be inverted: ", iter_map.error));
  std::vector<Var> outputs;
  std::vector<Expr> output_exprs;
  for (size_t i = 0; i < map->final_indices.size(); ++i) {
    outputs.push_back(ir::MakeVar(StrCat("axis", i), map->final_indices[i].dtype()));
    output_exprs.push_back(outputs.back());
  }
  Analyzer with_ranges;
  HONE_ASSIGN_OR_RETURN(const std::vector<Range> output_ranges, MapRanges(map, ranges, analyzer));
  for (size_t i = 0; i < outputs.size(); ++i) with_ranges.Bind(outputs[i], output_ranges[i]);
  ir::VarMap inverse;
  if (!InverseAffineIterMap(iter_map.indices, output_exprs, with_ranges, &inverse)) {
    return absl::InvalidArgumentError("the index map can not be inverted: an index has a stride");
  }
  std::vector<Expr> results;
  for (size_t i = 0; i < ranges.size(); ++i) {
    auto it = inverse.find(map->initial_indices[i].get());
    if (it == inverse.end()) {
      if (!ir::IsOne(ranges[i].extent)) {
        return absl::InvalidArgumentError(
            StrCat("the index map can not be inverted: input \"", map->initial_indices[i].name(), "\" is not used"));
      }
      results.push_back(ranges[i].min);
      inverse[map->initial_indices[i].get()] = ranges[i].min;
    } else {
      results.push_back(with_ranges.Simplify(it->second));
    }
  }
  const Expr predicate = with_ranges.Simplify(ir::Substitute(iter_map.padding_predicate, inverse), 10);
  return NonSurjectiveInverseMap{ir::MakeIndexMap(ir::MakeArray(outputs), ir::MakeArray(results)), predicate};
}

}  // namespace

std::vector<Expr> MapIndices(const IndexMapNode* map, absl::Span<const Expr> indices, Analyzer& analyzer) {
  HONE_CHECK(map->initial_indices.size() == indices.size());
  ir::VarMap values;
  for (size_t i = 0; i < indices.size(); ++i) values[map->initial_indices[i].get()] = indices[i];
  std::vector<Expr> out;
  for (Expr result : map->final_indices) out.push_back(analyzer.Simplify(ir::Substitute(result, values)));
  return out;
}

absl::StatusOr<std::vector<Range>> MapRanges(const IndexMapNode* map, absl::Span<const Range> ranges,
                                             Analyzer& analyzer) {
  const auto domains = DomainsOf(map, ranges);
  const IterMapResult iter_map =
      DetectIterMap(absl::MakeSpan(map->final_indices.data(), map->final_indices.size()), domains, ir::BoolImm(true),
                    IterMapLevel::kNoCheck, analyzer, /*simplify_trivial_iterators=*/false);
  std::vector<Range> out;
  if (iter_map.ok) {
    for (const IterSum& sum : iter_map.indices) {
      Expr min = sum.base;
      Expr extent = ir::ConstOf(sum.base.dtype(), 1);
      if (!sum.args.empty()) {
        const IterSplit& split = sum.args[0];
        Expr scale = split.scale;
        if (const int64_t* value = ir::ConstInt(scale); value != nullptr && *value < 0) {
          min = analyzer.Simplify(min + (split.extent - 1) * scale);
          scale = ir::ConstOf(scale.dtype(), -*value);
        }
        extent = analyzer.Simplify(split.extent * scale);
      }
      out.push_back({min, extent});
    }
    return out;
  }
  DomMap dom_map;
  for (const IterDomain& domain : domains) dom_map.Set(domain.var, domain.range);
  for (Expr index : map->final_indices) {
    const IntSet set = EvalSet(index, dom_map, analyzer);
    if (!set.IsBounded()) {
      return absl::InvalidArgumentError(StrCat("result ", out.size(), " of the index map has no bounds"));
    }
    out.push_back({analyzer.Simplify(set.min()), analyzer.Simplify(set.max() - set.min() + 1)});
  }
  return out;
}

absl::StatusOr<std::vector<Expr>> MapShape(const IndexMapNode* map, absl::Span<const Expr> shape, Analyzer& analyzer) {
  std::vector<Range> ranges;
  for (Expr dim : shape) ranges.push_back(ir::RangeFromExtent(dim));
  HONE_ASSIGN_OR_RETURN(const std::vector<Range> image, MapRanges(map, ranges, analyzer));
  std::vector<Expr> out;
  for (const Range& range : image) {
    if (!ir::IsZero(range.min)) {
      return absl::InvalidArgumentError(StrCat("result ", out.size(), " of the index map does not begin at 0"));
    }
    out.push_back(range.extent);
  }
  return out;
}

absl::StatusOr<const IndexMapNode*> InverseIndexMap(const IndexMapNode* map, absl::Span<const Range> ranges,
                                                    Analyzer& analyzer) {
  HONE_ASSIGN_OR_RETURN(NonSurjectiveInverseMap result, Invert(map, ranges, IterMapLevel::kBijective, analyzer));
  return result.inverse;
}

absl::StatusOr<NonSurjectiveInverseMap> NonSurjectiveInverse(const IndexMapNode* map, absl::Span<const Range> ranges,
                                                             Analyzer& analyzer) {
  return Invert(map, ranges, IterMapLevel::kNoCheck, analyzer);
}

const IndexMapNode* RenameVariables(const IndexMapNode* map, absl::Span<const std::string_view> names) {
  HONE_CHECK(map->initial_indices.size() == names.size());
  std::vector<Var> vars;
  ir::VarMap renamed;
  for (size_t i = 0; i < names.size(); ++i) {
    vars.push_back(ir::CopyVar(map->initial_indices[i], names[i]));
    renamed[map->initial_indices[i].get()] = vars.back();
  }
  std::vector<Expr> results;
  for (Expr e : map->final_indices) results.push_back(ir::Substitute(e, renamed));
  return ir::MakeIndexMap(ir::MakeArray(vars), ir::MakeArray(results), map->inverse);
}

}  // namespace hone::arith
