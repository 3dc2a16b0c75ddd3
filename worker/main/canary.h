// The canary kernel of a CPU device: a small matmul, always the same, built and timed as any candidate is.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "worker/local/local_measure.h"

namespace hone {

// The fastest sample in `median`; a failure when it could not be built, computed wrongly, or was disturbed all the
// time.
RunResult TimeCanary(LocalMeasure& measure, const std::string& target_json);

// That of a made-up device.
RunResult SyntheticCanary(absl::Duration run_takes);

}  // namespace hone
