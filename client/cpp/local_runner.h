// Runner "local" (see runner.h).
#pragma once

#include "client/cpp/runner.h"

namespace hone::meta_schedule {

absl::StatusOr<std::unique_ptr<Runner>> CreateLocalRunner(const RunnerOptions& options);

}  // namespace hone::meta_schedule
