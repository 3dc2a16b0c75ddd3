// `hone inspect measure`: builds, checks and times one candidate on this machine.
#pragma once

#include "client/cli/inspect/case.h"

namespace hone::cli {

// {run_secs, median_secs, spread, verdict, max_rel_error, tolerance, number, disturbed, sandbox}. A candidate that
// fails is an error "KIND: MESSAGE".
absl::StatusOr<InspectAnswer> InspectMeasure(const InspectCase& question);

}  // namespace hone::cli
