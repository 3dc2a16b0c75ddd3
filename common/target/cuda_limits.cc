#include "common/target/cuda_limits.h"

namespace hone {

// "CUDA Programming Guide", section "Compute Capabilities", table of memory per compute capability: "maximum amount of
// shared memory per thread block". Volta's row is from release 12 of the guide, the last that lists it.
int64_t CudaSharedMemoryPerBlock(int sm) {
  constexpr int64_t kKib = 1024;
  if (sm >= 120) return 99 * kKib;
  if (sm >= 90) return 227 * kKib;
  if (sm == 80 || sm == 87) return 163 * kKib;
  if (sm > 80) return 99 * kKib;
  if (sm >= 75) return 64 * kKib;
  return sm >= 70 ? 96 * kKib : 48 * kKib;
}

}  // namespace hone
