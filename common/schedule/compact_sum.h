// The common case of bindings: sums like i_0 * 32 + i_1 * 8 + i_2 whose scales are the products of the extents to their
// right, over loops that no other binding uses. Splitting a loop of such a binding leaves one again, and what an
// iteration map would make of it is known without detecting one.
#pragma once

#include "absl/container/inlined_vector.h"
#include "common/ir/stmt.h"
#include "common/schedule/rebind.h"

namespace hone::schedule {

// When every binding is such a sum (or a loop variable) before the rebinding and one after it, fills `out` with the
// bindings afterwards, in the iteration map's normal form, and returns true. False says nothing. `domains` has the new
// loops.
bool RebindCompactSums(ir::Array<ir::Expr> bindings, const Rebinding& rebinding, const LoopDomains& domains,
                       absl::InlinedVector<ir::Expr, 8>& out);

}  // namespace hone::schedule
