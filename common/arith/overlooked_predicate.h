// Internal to arith: whether an iteration map shows all that its predicate says.
#pragma once

#include "common/arith/iter_map.h"

namespace hone::arith {

// DetectIterMap, where `*overlooks_predicate` also tells that the predicate narrows iterators of the indices in a way
// that the sums do not show (it is about (i * 3 + j) // 4, say, and an index about i): points of the sums' domains may
// be missing. Only meaningful when the result is ok.
IterMapResult DetectIterMap(absl::Span<const ir::Expr> indices, IterDomains iters, ir::Expr predicate,
                            IterMapLevel level, Analyzer& analyzer, bool simplify_trivial_iterators,
                            bool* overlooks_predicate);

}  // namespace hone::arith
