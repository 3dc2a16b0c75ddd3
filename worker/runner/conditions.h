// What a machine's clock and shared cache usually do, learnt from probes around samples, so that samples taken while a
// neighbour uses up the cache's bandwidth or the clock is off can be told and taken again. Nothing is corrected: a
// sample counts as it was measured, or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"

namespace hone::runner {

// By the probes right before and right after a sample.
struct Conditions {
  double ghz = 0;            // Mean of the two. 0 = not probed.
  double cache_seconds = 0;  // To read a few MiB from the shared cache; the slower of the two. 0 = not probed.
};

// Not thread-safe: one per runner, used by the run that holds it.
class UsualConditions {
 public:
  // Once some are remembered, one every 50 ms is: a neighbour's burst of half a second must not become usual.
  void Note(const Conditions& conditions, absl::Time now);

  // Whether `conditions` are like most of the last ones. True until enough were seen, and for a probe that varies so
  // much that most of its values are unusual: that machine has no usual state.
  bool Fit(const Conditions& conditions) const;

 private:
  static constexpr size_t kRemembered = 400;  // 20 s of measuring at least.

  std::vector<double> ghz_;  // Rings.
  std::vector<double> cache_seconds_;
  size_t next_ = 0;
  absl::Time noted_ = absl::InfinitePast();
};

}  // namespace hone::runner
