// Two rewrites that keep features from depending on noise: unit loops go, and selects without loads become 1.
#pragma once

#include "common/ir/module.h"

namespace hone {

// Serial loops of extent 1 that start at 0 and have no annotations are removed. A select whose operands hold no buffer
// load becomes the constant 1; another select is kept as it is, not looked into.
ir::PrimFunc SimplifyForFeatures(ir::PrimFunc func);

}  // namespace hone
