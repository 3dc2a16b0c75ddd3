// How a kernel is timed, as data (design.md section 5).
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/time/time.h"

namespace hone {

struct MeasurementPolicy {
  int warm_up = 1;                                       // Untimed calls before the first sample.
  int number = 0;                                        // Calls a sample; 0 = chosen to fill min_repeat.
  int repeat = 3;                                        // Samples for a candidate that is not a contender.
  int max_repeat = 15;                                   // Samples at most for a contender.
  absl::Duration min_repeat = absl::Milliseconds(5);     // A sample lasts at least this long.
  absl::Duration budget_loser = absl::Milliseconds(60);  // Timed seconds at most for a loser.
  absl::Duration budget_contender = absl::Milliseconds(300);
  absl::Duration timeout = absl::Seconds(10);  // Wall clock of the whole run, set-up included.
  bool flush_cache = false;                    // Evict the caches before every call (number = 1).
  bool pin = true;                             // Bind threads to the measuring CPUs.
  double abandon_ratio = 1.5;                  // Give up when the first sample exceeds best * ratio; 0 = never.
  double contender_ratio = 1.05;               // A contender's median is within best * ratio.
  bool check_result = true;                    // The correctness gate stands before timing.
  uint64_t memory_bytes = uint64_t{4} << 30;   // Address space of the child beyond its buffers.
  uint64_t input_seed = 1;                     // Chooses the input set.
  // While nothing else waits for the device (RunRequest::awaited), samples go on being taken, up to budget_contender of
  // wall clock, of losers too: the device would be idle, and medians get better. For devices whose builders do not
  // share their cores; honoured for GPUs.
  bool use_spare_time = false;
};

// For kernels on GPUs: a cold L2 before every call, medians of a few calls.
inline MeasurementPolicy GpuMeasurementPolicy() {
  MeasurementPolicy policy;
  policy.flush_cache = true;
  policy.number = 5;
  policy.max_repeat = 10;
  policy.use_spare_time = true;
  return policy;
}

// Where nobody has wishes of his own, by the kind of target.
inline MeasurementPolicy DefaultPolicyFor(std::string_view target_kind) {
  return target_kind == "cuda" ? GpuMeasurementPolicy() : MeasurementPolicy();
}

}  // namespace hone
