// Rewriting the bindings of the blocks in a loop nest when loops are split, fused or renamed.
#pragma once

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "common/arith/iter_map.h"
#include "common/ir/stmt.h"
#include "common/schedule/state.h"

namespace hone::schedule {

using LoopDomains = absl::InlinedVector<arith::IterDomain, 16>;

// The variables and ranges of the loops above a node up to its scope root, outermost first.
LoopDomains DomainsAbove(const ScheduleState& state, SrefId id);

// What becomes of the loop variables of a nest.
struct Rebinding {
  // Each use of `first` becomes `second`.
  absl::InlinedVector<std::pair<ir::Var, ir::Expr>, 4> values;
  // Added on the right of the predicate of every realize directly below; may be null.
  ir::Expr guard;
  // As in Split and Fuse.
  bool preserve_unit_iters = true;
  // Otherwise bindings are only substituted.
  bool simplify = true;
};

// Blocks that were rewritten because they use the loop variables themselves.
using BlockReuses = absl::InlinedVector<BlockReuse, 4>;

// `body` with the rebinding applied and the bindings of all realizes in it (not those inside of blocks with iters)
// simplified as iteration maps. `domains` are the loops around `body`, new ones included; it is used as scratch and
// given back unchanged.
ir::Stmt RebindNest(ir::Stmt body, const Rebinding& rebinding, LoopDomains& domains, BlockReuses& reuses);

}  // namespace hone::schedule
