// What a machine's clock, cores and shared cache usually do, learnt from probes around samples, so that samples taken
// while a neighbour uses the same core or the cache's bandwidth can be told and taken again, and so that times taken at
// clocks a few per cent apart can be compared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"

namespace hone::runner {

// By the probes right before and right after a sample. 0 = not probed.
struct Conditions {
  double ghz = 0;            // Mean of the two.
  double cache_seconds = 0;  // To read a few MiB from the shared cache; the slower of the two.
  double core_seconds = 0;   // To read from the core's own second-level cache; the fastest of those within the sample.
};

// Not thread-safe: one per runner, used by the run that holds it.
class UsualConditions {
 public:
  // Once some are remembered, four a second are: a neighbour's burst of half a second must not become usual.
  void Note(const Conditions& conditions, absl::Time now);

  // Whether the shared cache is as fast as it often was lately, and the clock near the reference. True until enough
  // were seen, and for a cache that hardly ever is: that machine has no usual state.
  bool Fit(const Conditions& conditions) const;

  // What to multiply a time by that was taken at `ghz` to have it at the reference clock, the median of the first that
  // were seen: on shared hosts the clock drifts by some per cent within minutes. 1 until it is known, and for clocks
  // too far from it. A lasting change makes another reference.
  double ClockFactor(double ghz) const;

  // A core whose probe takes longer is shared with somebody: another hardware thread of it is awake. Infinite until
  // enough were seen, and where cores are hardly ever alone. Usual is here what is fastest, not what is most frequent:
  // on a busy host a core is shared most of the time, and by how much differs from minute to minute.
  double CoreLimitSeconds() const;

 private:
  // The last values of a probe.
  class Ring {
   public:
    void Add(double value);
    const std::vector<double>& values() const { return values_; }

   private:
    std::vector<double> values_;
    size_t next_ = 0;
  };

  bool NearReference(double ghz) const;

  Ring ghz_;
  Ring cache_seconds_;
  Ring core_seconds_;
  double reference_ghz_ = 0;  // 0 = not known yet.
  absl::Time noted_ = absl::InfinitePast();
};

}  // namespace hone::runner
