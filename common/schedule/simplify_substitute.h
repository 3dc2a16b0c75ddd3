// Substitution that simplifies what it changes.
#pragma once

#include "common/arith/analyzer.h"
#include "common/ir/mutator.h"
#include "common/ir/stmt.h"
#include "common/schedule/rebind.h"

namespace hone::schedule {

// `stmt` with the variables of `map` replaced; every expression that changes by it is simplified. Blocks that change
// are added to `reuses`.
ir::Stmt SimplifySubstitute(ir::Stmt stmt, const ir::VarMap& map, arith::Analyzer& analyzer, BlockReuses& reuses);

// The regions relaxed over `domains`; a dimension without bounds becomes full.
ir::Array<ir::BufferRegion> RelaxRegions(ir::Array<ir::BufferRegion> regions, const arith::DomMap& domains,
                                         arith::Analyzer& analyzer);

}  // namespace hone::schedule
