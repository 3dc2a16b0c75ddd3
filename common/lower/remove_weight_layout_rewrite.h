// Kernels of packed weights: RewriteLayout leaves a block that packs the weight on every call; once the caller packs
// the weight beforehand, that block goes and the parameter is the packed buffer.
#pragma once

#include "common/ir/module.h"

namespace hone::lower {

// Every block annotated meta_schedule.layout_rewrite_preproc that copies a parameter into an allocated buffer is
// removed; the parameter then has the layout of that buffer. The same node when there is none. New nodes live in the
// current arena.
ir::PrimFunc RemoveWeightLayoutRewriteBlock(ir::PrimFunc func);

}  // namespace hone::lower
