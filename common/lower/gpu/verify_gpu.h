// Whether a scheduled program fits the limits of a GPU.
#pragma once

#include <cstdint>

#include "common/ir/module.h"

namespace hone::lower {

// The peer's limits, and, where `launch_shared_bytes` is set, what the device gives a kernel as it is built.
struct GpuLimits {
  int64_t shared_memory_bytes = INT64_MAX;  // A block.
  int64_t threads = INT64_MAX;              // A block.
  int64_t register_bytes = INT64_MAX;  // A thread: arrays and accumulators that live at once, as they are declared.
  int64_t virtual_threads = 8;         // Iterations of a loop that virtual threads became.
  int64_t vector_bytes = 16;           // One access.
  int64_t warp_size = 32;
  // Shared memory that a launch may ask for, with buffers aligned, scratch of reductions over threads and copies of
  // unrolled loops; and the device that is built for, N of sm_N.
  int64_t launch_shared_bytes = INT64_MAX;
  int sm = 0;
};

// Lowers `func` as far as needed and counts. False also when it cannot be lowered. Builds nodes in the current arena.
// Where the launch may ask for too much, the whole pipeline of builds decides.
bool FitsGpu(ir::PrimFunc func, const GpuLimits& limits);

// The part of it that needs no lowering: the threads that blocks ask for, and the most that a block may have.
bool ThreadsFit(ir::PrimFunc func, const GpuLimits& limits);

}  // namespace hone::lower
