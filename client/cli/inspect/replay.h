// `hone inspect replay`: applies a trace.
#pragma once

#include "client/cli/inspect/case.h"

namespace hone::cli {

// {module, trace} of the schedule after the trace; with `postprocs` also {passed, failed_postproc}.
absl::StatusOr<InspectAnswer> InspectReplay(const InspectCase& question);

}  // namespace hone::cli
