// From the end of a slot to the record that is stored.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "server/coordinator/actions.h"
#include "server/coordinator/job.h"

namespace hone {

// `skeleton_json` is that of the candidate; empty for a baseline. InvalidArgument when it is not a trace.
absl::StatusOr<TuningRecord> MakeRecord(const JobDefinition& job, const SaveOutcome& save,
                                        std::string_view skeleton_json, absl::Time now);

}  // namespace hone
