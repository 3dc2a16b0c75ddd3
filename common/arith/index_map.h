// Operations on index maps (lambda i, j: (i // 4, j, i % 4)).
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/arith/analyzer.h"
#include "common/arith/iter_map.h"
#include "common/ir/expr.h"

namespace hone::arith {

// The final indices at `indices`, simplified. One index an input (a CHECK).
std::vector<ir::Expr> MapIndices(const ir::IndexMapNode* map, absl::Span<const ir::Expr> indices, Analyzer& analyzer);
// The box that holds the image of the box `ranges`: by iter map where that is exact, else by interval evaluation.
// InvalidArgument when the image has no bounds that can be told.
absl::StatusOr<std::vector<ir::Range>> MapRanges(const ir::IndexMapNode* map, absl::Span<const ir::Range> ranges,
                                                 Analyzer& analyzer);
// The extents of the image of [0, shape). InvalidArgument also when that does not begin at 0, as with i + 4: such a map
// gives no shape.
absl::StatusOr<std::vector<ir::Expr>> MapShape(const ir::IndexMapNode* map, absl::Span<const ir::Expr> shape,
                                               Analyzer& analyzer);

// The inverse over `ranges`, from variables axis0, axis1, ...; the map's own `inverse` if it has one. InvalidArgument
// when the map is not bijective there.
absl::StatusOr<const ir::IndexMapNode*> InverseIndexMap(const ir::IndexMapNode* map, absl::Span<const ir::Range> ranges,
                                                        Analyzer& analyzer);

struct NonSurjectiveInverseMap {
  const ir::IndexMapNode* inverse;
  // Of the inverse's inputs: true where no point of the domain is mapped to. Literal false without padding.
  ir::Expr padding_predicate;
};

// The same for maps that reach only a part of their image's box: the rest is padding.
absl::StatusOr<NonSurjectiveInverseMap> NonSurjectiveInverse(const ir::IndexMapNode* map,
                                                             absl::Span<const ir::Range> ranges, Analyzer& analyzer);

// A copy with other names of the variables; the same map otherwise.
const ir::IndexMapNode* RenameVariables(const ir::IndexMapNode* map, absl::Span<const std::string_view> names);

// ---- maps that keep points apart

// Whether, all other iterators being fixed, different values of `inner` (variables of `iters`) at which `predicate`
// holds give different `indices`. False says that they may not: h * 2 + r with r in [0, 3) has the same value twice,
// and so has what leaves out an iterator that takes several values. Complete for sums of iterators times numbers; else
// as far as an iteration map tells.
bool TellsApart(absl::Span<const ir::Expr> indices, IterDomains iters, absl::Span<const ir::Var> inner,
                ir::Expr predicate, Analyzer& analyzer);

}  // namespace hone::arith
