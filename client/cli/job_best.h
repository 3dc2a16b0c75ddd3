// The best records of one job.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "client/cli/record_source.h"

namespace hone::cli {

// For each workload of the job, in the order in which its first record came, the `top_k` best of the job's own records
// that `request` takes (trust, metric, pools, target, device class), by fit and then by time, as Query answers.
// NotFound when there is no record of the job.
absl::StatusOr<v1::QueryResponse> BestOfJob(RecordSource& source, const std::string& job_id,
                                            const v1::QueryRequest& request);

}  // namespace hone::cli
