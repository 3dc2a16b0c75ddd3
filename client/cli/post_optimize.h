// --post-optimization: droplet search from the best record of each program of a job that has ended.
#pragma once

#include <memory>

#include "absl/status/status.h"
#include "client/cpp/builder.h"
#include "client/cpp/database.h"
#include "client/cpp/runner.h"
#include "server/coordinator/job.h"

namespace hone {
class Connection;
}

namespace hone::cli {

// Measures neighbours with `builder` and `runner`, stores them in `database` and prints a table to stderr.
absl::Status PostOptimizeJob(const JobDefinition& job, meta_schedule::Database& database,
                             meta_schedule::Builder& builder, meta_schedule::Runner& runner);

// On the farm of a server, from the best records of the job `job_id`; what is measured is in the server's records.
absl::Status PostOptimizeOnFarm(const JobDefinition& job, const std::string& job_id,
                                const std::shared_ptr<Connection>& server);

}  // namespace hone::cli
