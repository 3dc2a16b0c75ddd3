// `hone inspect features`: what a cost model sees of a program after its trace.
#pragma once

#include "client/cli/inspect/case.h"

namespace hone::cli {

// {features: [[...]]}: one row of per-store features a buffer store.
absl::StatusOr<InspectAnswer> InspectFeatures(const InspectCase& question);

}  // namespace hone::cli
