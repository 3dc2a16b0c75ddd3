// Drops the blocks that only bring a parameter into another layout ahead of time.
#pragma once

#include "common/ir/module.h"

namespace hone {

// The body of a block with the annotation meta_schedule.layout_rewrite_preproc is removed, and the buffer that it would
// have written takes the place of the parameter that it reads.
ir::PrimFunc RemoveLayoutRewrite(ir::PrimFunc func);

}  // namespace hone
