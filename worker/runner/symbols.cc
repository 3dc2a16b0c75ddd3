#include "worker/runner/symbols.h"

#include <dlfcn.h>
#include <omp.h>
#include <sched.h>

#include <atomic>
#include <cstdlib>
#include <cstring>

#include "worker/runner/wire.h"

extern "C" void GOMP_parallel(void (*body)(void*), void* data, unsigned num_threads, unsigned flags);

namespace hone::runner {
namespace {

ParallelSetup setup;
std::atomic<bool> poison_allocations{false};
std::atomic<bool> uses_threads{false};
std::atomic<uint64_t> refused_bytes{0};

void* NoteAllocation(void* memory, size_t bytes) {
  if (memory == nullptr && bytes > 0) {
    if (bytes > refused_bytes.load(std::memory_order_relaxed)) refused_bytes.store(bytes, std::memory_order_relaxed);
  } else if (memory != nullptr && poison_allocations.load(std::memory_order_relaxed)) {
    std::memset(memory, kPoisonByte, bytes);
  }
  return memory;
}

void* KernelMalloc(size_t bytes) { return NoteAllocation(std::malloc(bytes), bytes); }

void* KernelCalloc(size_t count, size_t bytes) {
  void* memory = std::calloc(count, bytes);
  if (memory == nullptr) NoteAllocation(nullptr, count * bytes);
  return memory;
}

void* KernelRealloc(void* old, size_t bytes) {
  void* memory = std::realloc(old, bytes);
  if (memory == nullptr) NoteAllocation(nullptr, bytes);
  return memory;
}

void* KernelAlignedAlloc(size_t alignment, size_t bytes) {
  return NoteAllocation(std::aligned_alloc(alignment, bytes), bytes);
}

int KernelPosixMemalign(void** memory, size_t alignment, size_t bytes) {
  const int error = posix_memalign(memory, alignment, bytes);
  NoteAllocation(error == 0 ? *memory : nullptr, bytes);
  return error;
}

void PinThisThread() {
  thread_local bool pinned = false;
  if (pinned || !setup.pin) return;
  pinned = true;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(setup.cpus[omp_get_thread_num() % static_cast<int>(setup.num_threads)], &set);
  sched_setaffinity(0, sizeof(set), &set);
}

struct Region {
  void (*body)(void*);
  void* data;
};

void RunPinned(void* argument) {
  PinThisThread();
  const Region region = *static_cast<Region*>(argument);
  region.body(region.data);
}

// Threads that libgomp starts anew inherit the CPU of the one that starts them: each pins itself first.
void Parallel(void (*body)(void*), void* data, unsigned num_threads, unsigned flags) {
  Region region = {body, data};
  const unsigned threads = num_threads == 0 || num_threads > setup.num_threads ? setup.num_threads : num_threads;
  GOMP_parallel(RunPinned, &region, threads, flags);
}

void KernelParallel(void (*body)(void*), void* data, unsigned num_threads, unsigned flags) {
  uses_threads.store(true, std::memory_order_relaxed);
  Parallel(body, data, num_threads, flags);
}

struct ThreadBody {
  void (*body)(int thread, void* data);
  void* data;
};

void CallThreadBody(void* argument) {
  const ThreadBody& work = *static_cast<ThreadBody*>(argument);
  work.body(omp_get_thread_num(), work.data);
}

void DoNothing(void*) {}

struct Replacement {
  const char* name;
  void* address;
};

template <typename F>
void* AddressOf(F* function) {
  return reinterpret_cast<void*>(function);
}

}  // namespace

void StartThreadPool(const ParallelSetup& parallel) {
  setup = parallel;
  omp_set_dynamic(0);
  omp_set_num_threads(static_cast<int>(setup.num_threads));
  Parallel(DoNothing, nullptr, 0, 0);
}

bool UsesThreads() { return uses_threads.load(std::memory_order_relaxed); }

void OnAllThreads(void (*body)(int thread, void* data), void* data) {
  ThreadBody work = {body, data};
  Parallel(CallThreadBody, &work, 0, 0);
}

void* ResolveKernelSymbol(const char* name) {
  static const Replacement kReplacements[] = {
      {"malloc", AddressOf(KernelMalloc)},          {"calloc", AddressOf(KernelCalloc)},
      {"realloc", AddressOf(KernelRealloc)},        {"aligned_alloc", AddressOf(KernelAlignedAlloc)},
      {"memalign", AddressOf(KernelAlignedAlloc)},  {"posix_memalign", AddressOf(KernelPosixMemalign)},
      {"GOMP_parallel", AddressOf(KernelParallel)},
  };
  for (const Replacement& replacement : kReplacements) {
    if (std::strcmp(replacement.name, name) == 0) return replacement.address;
  }
  return dlsym(RTLD_DEFAULT, name);
}

void SetPoisonAllocations(bool on) { poison_allocations.store(on); }
uint64_t RefusedAllocationBytes() { return refused_bytes.load(); }

}  // namespace hone::runner
