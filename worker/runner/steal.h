// Time that the hypervisor took from this machine's CPUs.
#pragma once

#include <cstdint>
#include <vector>

namespace hone::runner {

// Steal and total jiffies of some CPUs since boot, from /proc/stat.
struct CpuTimes {
  uint64_t steal = 0;
  uint64_t total = 0;
};

CpuTimes ReadCpuTimes(const std::vector<int>& cpus);

// Share of the time between two readings that was stolen; 0 when nothing is known. /proc/stat counts in hundredths of a
// second: over less than that this is 0 or much.
double StealFraction(const CpuTimes& before, const CpuTimes& after);

}  // namespace hone::runner
