// Estimates of the region that is touched when the variables of its ranges run over their domains.
#pragma once

#include <optional>

#include "common/arith/int_set.h"
#include "common/arith/iter_map.h"

namespace hone::arith {

// At least the touched region, one interval a dimension: exact where the region is an independent iter map (strict
// bound), else each dimension by itself, at worst by interval evaluation. Variables outside of `domains` stay symbolic.
NDIntSet EstimateRegionUpperBound(ir::Array<ir::Range> region, IterDomains domains, ir::Expr predicate,
                                  Analyzer& analyzer);

// Exactly the touched region; nullopt when it cannot be shown to be a box: an extent that is no literal, dimensions
// that depend on each other, a stride greater than the extent.
std::optional<NDIntSet> EstimateRegionStrictBound(ir::Array<ir::Range> region, IterDomains domains, ir::Expr predicate,
                                                  Analyzer& analyzer);

// At most the touched region; nullopt when nothing is known.
std::optional<NDIntSet> EstimateRegionLowerBound(ir::Array<ir::Range> region, IterDomains domains, ir::Expr predicate,
                                                 Analyzer& analyzer);

}  // namespace hone::arith
