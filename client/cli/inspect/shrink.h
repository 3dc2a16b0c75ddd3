// `hone inspect shrink`: a program and a trace on which something goes wrong, made small.
#pragma once

#include "client/cli/inspect/case.h"

namespace hone::cli {

// {wrong, module, trace}: what goes wrong ("wrong result", "out of bounds", "other trace", "crash", "hang"; empty when
// nothing does) and the small case; a person sees also the Python form of the trace and the program after it.
absl::StatusOr<InspectAnswer> InspectShrink(const InspectCase& question);

}  // namespace hone::cli
