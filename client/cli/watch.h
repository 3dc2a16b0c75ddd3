// Following a job of a server until it ends.
#pragma once

#include <string>

#include "client/cpp/tuning_client.h"

namespace hone::cli {

// Shows progress on stderr and, with `summary`, the closing tables on stdout; with `json`, one event a line on stdout
// instead of both. Exit codes: 0 when the job is done, 1 when it failed or was cancelled, 130 after Ctrl-C, which
// leaves the job running and says how to come back to it.
int WatchToEnd(TuningClient& client, const std::string& job_id, bool json, bool summary = true);

}  // namespace hone::cli
