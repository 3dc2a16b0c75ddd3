// The pass InjectPrefetch, described in its .cc file.
#pragma once

#include "common/lower/pass.h"

namespace hone::lower {

absl::StatusOr<ir::PrimFunc> InjectPrefetch(ir::PrimFunc func, const PassContext& context);

}  // namespace hone::lower
