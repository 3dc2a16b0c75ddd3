// `hone inspect space`: the design spaces of a program.
#pragma once

#include "client/cli/inspect/case.h"

namespace hone::cli {

// {spaces: [trace]}: post-order-apply with the default rules of `kind` (of the target's kind when empty), in order.
absl::StatusOr<InspectAnswer> InspectSpace(const InspectCase& question);

}  // namespace hone::cli
