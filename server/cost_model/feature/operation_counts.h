// How features count the operations of an expression (reference/costmodel.md section 5.3).
#pragma once

#include <array>
#include <cstdint>

#include "common/ir/expr.h"

namespace hone {

// By the index of the feature, 0..15.
using OperationCounts = std::array<int64_t, 16>;

// Adds `times` where `e` itself, without its operands, counts.
void CountOperation(ir::Expr e, int64_t times, OperationCounts& counts);

}  // namespace hone
