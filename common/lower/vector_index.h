// Indices that may be Ramps: shifting one keeps it a Ramp.
#pragma once

#include "common/ir/ops.h"

namespace hone::lower {

// index + by, for a scalar `by`.
inline ir::Expr ShiftIndex(ir::Expr index, ir::Expr by) {
  if (ir::IsZero(by)) return index;
  if (const auto* ramp = index.as<ir::RampNode>()) {
    return ir::MakeRamp(ir::Add(ramp->base, by), ramp->stride, ramp->lanes);
  }
  return ir::Add(index, by);
}

// index - by, for a scalar `by`.
inline ir::Expr UnshiftIndex(ir::Expr index, ir::Expr by) {
  if (ir::IsZero(by)) return index;
  if (const auto* ramp = index.as<ir::RampNode>()) {
    return ir::MakeRamp(ir::Sub(ramp->base, by), ramp->stride, ramp->lanes);
  }
  return ir::Sub(index, by);
}

}  // namespace hone::lower
