// The box of a buffer that a statement touches.
#pragma once

#include "common/ir/stmt.h"

namespace hone::arith {

// One range a dimension of `buffer` that holds every element loaded (if `loads`) or stored (if `stores`) in `stmt`; the
// loops inside of `stmt` are relaxed, everything else stays symbolic. Empty when there is no such access. A dimension
// without finite bounds is full.
ir::Array<ir::Range> DomainTouched(ir::Stmt stmt, ir::Buffer buffer, bool loads, bool stores);

}  // namespace hone::arith
