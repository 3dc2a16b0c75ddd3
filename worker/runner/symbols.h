// What a kernel may call: libc, libm and libgomp as they are, except that allocation is counted and poisoned and
// parallel regions are kept to the measuring CPUs.
#pragma once

#include <cstdint>

namespace hone::runner {

struct ParallelSetup {
  uint32_t num_threads = 1;
  bool pin = false;
  const int* cpus = nullptr;  // num_threads of them; must outlive the process.
};

// Starts libgomp's threads and binds thread i to cpus[i]. Call once, before the sandbox closes.
void StartThreadPool(const ParallelSetup& setup);

// Whether the kernel has started a parallel region so far.
bool UsesThreads();
// Calls `body` with the number of the thread on each of the pool's threads, and waits for them.
void OnAllThreads(void (*body)(int thread, void* data), void* data);

// Resolver for LoadElfObject; null when no library has `name`.
void* ResolveKernelSymbol(const char* name);

// While on, memory that the kernel allocates is filled with kPoisonByte.
void SetPoisonAllocations(bool on);
// The largest allocation that was refused so far; 0 = none.
uint64_t RefusedAllocationBytes();

}  // namespace hone::runner
