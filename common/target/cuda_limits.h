// What blocks of NVIDIA's architectures may have.
#pragma once

#include <cstdint>

namespace hone {

// The most shared memory, in bytes, that a block may ask for on compute capability `sm` (86 = 8.6, as of SmVersion):
// what is beyond 48 KiB has to be dynamic and asked for at the launch. An architecture that is not known gets what its
// newest known relative has; 48 KiB before Volta.
int64_t CudaSharedMemoryPerBlock(int sm);

}  // namespace hone
