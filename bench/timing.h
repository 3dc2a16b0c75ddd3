// Timing for benchmarks: the median of samples that last long enough.
#pragma once

#include <functional>
#include <vector>

namespace hone::bench {

struct Timing {
  double median_seconds = 0;    // Per call.
  std::vector<double> samples;  // Per call.
};

// Calls `body` once untimed, then takes `samples` samples of as many calls as fill `min_sample_seconds`, each the lower
// quartile of slices of 0.4 ms.
Timing MedianOf(const std::function<void()>& body, int samples = 15, double min_sample_seconds = 0.005);

// Runs `body(i)` on a thread bound to cpus[i], all at once, and returns the seconds from a common start until the last
// is done.
double RunOnCpus(const std::vector<int>& cpus, const std::function<void(size_t)>& body);

// The first CPU of each physical core of this process, at most `count` (0 = all).
std::vector<int> BenchCpus(int count);
// Confines this process, and the threads it starts later, to `cpus`.
void ConfineTo(const std::vector<int>& cpus);

}  // namespace hone::bench
