// Targets of kind cuda, completed from this machine's GPU.
#pragma once

#include "absl/status/statusor.h"
#include "common/target/target.h"

namespace hone {

// `target` with what is missing of it filled in: `arch` and the size of the cache from the first GPU of this machine,
// the limits that hold for all GPUs from "CUDA Programming Guide". Targets of other kinds come back as they are.
// Unavailable when `arch` is missing and there is no GPU to ask.
absl::StatusOr<Target> CompleteGpuTarget(const Target& target);

}  // namespace hone
