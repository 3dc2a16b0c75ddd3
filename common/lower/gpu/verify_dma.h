// Checks of programs for devices that copy by DMA.
#pragma once

#include <cstdint>

#include "common/ir/module.h"

namespace hone::lower {

// Whether the allocations of `func` in scope global.vtcm, after sharing, take at most `capacity_bytes`. False also when
// it cannot be lowered. Builds nodes in the current arena.
bool FitsVtcm(ir::PrimFunc func, int64_t capacity_bytes);

// Whether everything that `func` copies asynchronously is contiguous on both sides. False also when it cannot be
// lowered. Builds nodes in the current arena.
bool AsyncCopiesAreContiguous(ir::PrimFunc func);

}  // namespace hone::lower
