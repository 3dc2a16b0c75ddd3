#include "worker/runner/probes.h"

#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace hone::runner {
namespace {

// More than a core's own caches, and little beside a shared one: with 16 of 32 MiB the probe itself pushed kernels'
// data out and cost them 15 %.
constexpr size_t kCacheBytes = size_t{4} << 20;
// More than any first-level cache, and little beside a second-level one: the kernel's data stay there.
constexpr size_t kCoreBytes = size_t{128} << 10;

const uint64_t* g_memory = nullptr;  // kCacheBytes.

uint64_t Now() {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(t.tv_nsec);
}

// Touches every line of the first `bytes`, as fast as they come.
void ReadMemory(size_t bytes) {
  constexpr size_t kLine = 64 / sizeof(uint64_t);
  uint64_t sums[4] = {};
  for (size_t i = 0; i < bytes / sizeof(uint64_t); i += 4 * kLine) {
    for (size_t j = 0; j < 4; ++j) sums[j] += g_memory[i + j * kLine];
  }
  const uint64_t sum = sums[0] + sums[1] + sums[2] + sums[3];
  __asm__ volatile("" : : "r"(sum) : "memory");
}

}  // namespace

void PrepareProbes() {
  constexpr size_t kHugePage = size_t{2} << 20;
  void* memory = mmap(nullptr, kCacheBytes + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  const uintptr_t start = (reinterpret_cast<uintptr_t>(memory) + kHugePage - 1) / kHugePage * kHugePage;
  void* aligned = reinterpret_cast<void*>(start);
  madvise(aligned, kCacheBytes, MADV_HUGEPAGE);
  std::memset(aligned, 1, kCacheBytes);
  mprotect(aligned, kCacheBytes, PROT_READ);
  g_memory = static_cast<const uint64_t*>(aligned);
}

double ProbeGhz() {
  constexpr uint64_t kRounds = 5'000;
  constexpr uint64_t kCyclesARound = 16;
  double best = 0;
  for (int attempt = 0; attempt < 3; ++attempt) {
    const uint64_t start = Now();
    uint64_t value = start;
    for (uint64_t i = 0; i < kRounds; ++i) {
      // 10 additions of one cycle and 2 multiplications of three: compilers and CPUs that fold chains of immediate
      // additions (Alder Lake and later) cannot fold across a multiplication.
      __asm__ volatile(
          "add $1, %0\n add $3, %0\n add $1, %0\n add $3, %0\n add $1, %0\n add $3, %0\n add $1, %0\n add $3, %0\n"
          "imul $3, %0, %0\n imul $5, %0, %0\n"
          "add $1, %0\n add $3, %0\n"
          : "+r"(value));
    }
    best = std::max(best, static_cast<double>(kRounds * kCyclesARound) / static_cast<double>(Now() - start));
  }
  return best;
}

uint64_t ProbeCache() {
  if (g_memory == nullptr) return 0;
  ReadMemory(kCacheBytes);  // Puts it there.
  uint64_t best = UINT64_MAX;
  for (int attempt = 0; attempt < 2; ++attempt) {
    const uint64_t start = Now();
    ReadMemory(kCacheBytes);
    best = std::min(best, Now() - start);
  }
  return best;
}

uint64_t ProbeCore() {
  if (g_memory == nullptr) return 0;
  ReadMemory(kCoreBytes);
  uint64_t best = UINT64_MAX;
  for (int attempt = 0; attempt < 2; ++attempt) {
    const uint64_t start = Now();
    ReadMemory(kCoreBytes);
    ReadMemory(kCoreBytes);
    best = std::min(best, Now() - start);
  }
  return best;
}

}  // namespace hone::runner
