#include "worker/runner/steal.h"

#include <algorithm>
#include <cstdio>

namespace hone::runner {

CpuTimes ReadCpuTimes(const std::vector<int>& cpus) {
  CpuTimes times;
  FILE* file = std::fopen("/proc/stat", "re");
  if (file == nullptr) return times;
  char line[512];
  while (std::fgets(line, sizeof(line), file) != nullptr) {
    int cpu = -1;
    unsigned long long t[8] = {};
    if (std::sscanf(line, "cpu%d %llu %llu %llu %llu %llu %llu %llu %llu", &cpu, &t[0], &t[1], &t[2], &t[3], &t[4],
                    &t[5], &t[6], &t[7]) != 9) {
      continue;
    }
    if (std::find(cpus.begin(), cpus.end(), cpu) == cpus.end()) continue;
    for (unsigned long long part : t) times.total += part;
    times.steal += t[7];
  }
  std::fclose(file);
  return times;
}

double StealFraction(const CpuTimes& before, const CpuTimes& after) {
  if (after.total <= before.total || after.steal <= before.steal) return 0;
  return static_cast<double>(after.steal - before.steal) / static_cast<double>(after.total - before.total);
}

}  // namespace hone::runner
