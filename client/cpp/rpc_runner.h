// Runner "rpc" (see runner.h): a farm of hone-workers reached through a server. A call of Run is one durable job, so
// that what was measured is in the server's records as well.
#pragma once

#include "client/cpp/runner.h"

namespace hone::meta_schedule {

// InvalidArgument without `options.server`.
absl::StatusOr<std::unique_ptr<Runner>> CreateRpcRunner(const RunnerOptions& options);

}  // namespace hone::meta_schedule
