// What this machine can do at most, measured on the spot: the limits that kernels are compared with.
#pragma once

#include <string>
#include <vector>

namespace hone::bench {

struct FmaPeak {
  double gflops = 0;  // float32 multiply-adds count as two operations.
  std::string isa;    // "avx512f", "avx2+fma" or "sse2".
};

// Independent fused multiply-adds in registers on all of `cpus` at once, the best of several tries of ~20 ms.
FmaPeak MeasureFmaPeak(const std::vector<int>& cpus);

// Bytes read plus bytes written a second, in GB/s, by copying arrays far larger than the caches on all of `cpus`: the
// better of plain stores and stores that go past the caches.
double MeasureCopyBandwidth(const std::vector<int>& cpus);

}  // namespace hone::bench
