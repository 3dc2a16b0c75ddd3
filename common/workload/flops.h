// How much arithmetic a program does, as the peer counts it.
#pragma once

#include "common/ir/module.h"

namespace hone::workload {

// Every add, subtraction, multiplication, division, remainder, minimum and maximum of a stored value counts 1, of any
// dtype, times the extents of its loops (an extent that is not known counts 1). Indices, comparisons with their
// operands, loads, casts and calls themselves count nothing; of two branches the larger counts. The attribute
// `estimated_flops` of a function overrides its count.
double EstimateFlops(const ir::IRModule& module);
double EstimateFlops(ir::Stmt statement);

}  // namespace hone::workload
