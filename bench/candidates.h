// Random points of a workload's design spaces, as the tuner draws them: for benchmarks and for tests at scale.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/ir/module.h"
#include "common/measure/builder.h"
#include "common/target/target.h"

namespace hone::bench {

// Up to `count` distinct candidates of the replay-trace strategy with `seed`, postprocs included; fewer where the
// spaces have fewer points. `space` as --space takes it.
absl::StatusOr<std::vector<BuildRequest>> RandomCandidates(const std::string& workload_script, const Target& target,
                                                           int count, uint64_t seed,
                                                           const std::string& space = "post-order-apply");

// The request's workload with its trace applied.
absl::StatusOr<ir::IRModule> ScheduledModule(const BuildRequest& request);

}  // namespace hone::bench
