#include "bench/limits.h"

#include <immintrin.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "bench/timing.h"
#include "common/target/cpuid.h"

namespace hone::bench {
namespace {

// Enough independent chains to cover the latency of all FMA units (4 or 5 cycles on 2); 32 registers hold 24, 16
// hold 12.
constexpr int kChains = 24;
constexpr int kChains16 = 12;
volatile float g_sink;

__attribute__((target("avx512f"), noinline)) void FmaAvx512(int64_t rounds) {
  __m512 sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = _mm512_set1_ps(static_cast<float>(i));
  const __m512 a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(0.001f);
  for (int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 24
    for (int i = 0; i < kChains; ++i) sums[i] = _mm512_fmadd_ps(sums[i], a, b);
  }
  float values[16];
  float total = 0;
  for (int i = 0; i < kChains; ++i) {
    _mm512_storeu_ps(values, sums[i]);
    total += values[0];
  }
  g_sink = total;
}

__attribute__((target("avx2,fma"), noinline)) void FmaAvx2(int64_t rounds) {
  __m256 sums[kChains16];
  for (int i = 0; i < kChains16; ++i) sums[i] = _mm256_set1_ps(static_cast<float>(i));
  const __m256 a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(0.001f);
  for (int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains16; ++i) sums[i] = _mm256_fmadd_ps(sums[i], a, b);
  }
  float values[8];
  float total = 0;
  for (int i = 0; i < kChains16; ++i) {
    _mm256_storeu_ps(values, sums[i]);
    total += values[0];
  }
  g_sink = total;
}

__attribute__((noinline)) void MultiplyAddSse(int64_t rounds) {
  __m128 sums[kChains16];
  for (int i = 0; i < kChains16; ++i) sums[i] = _mm_set1_ps(static_cast<float>(i));
  const __m128 a = _mm_set1_ps(0.999f), b = _mm_set1_ps(0.001f);
  for (int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains16; ++i) sums[i] = _mm_add_ps(_mm_mul_ps(sums[i], a), b);
  }
  float total = 0;
  for (int i = 0; i < kChains16; ++i) total += _mm_cvtss_f32(sums[i]);
  g_sink = total;
}

struct FmaKernel {
  const char* isa;
  void (*run)(int64_t rounds);
  double flops_a_round;
};

FmaKernel ChooseKernel() {
  const CpuIdentity cpu = ReadCpuIdentity();
  if (cpu.features.count("avx512f") > 0) return {"avx512f", FmaAvx512, kChains * 16 * 2.0};
  if (cpu.features.count("fma") > 0 && cpu.features.count("avx2") > 0)
    return {"avx2+fma", FmaAvx2, kChains16 * 8 * 2.0};
  return {"sse2", MultiplyAddSse, kChains16 * 4 * 2.0};
}

void CopyPlain(float* to, const float* from, size_t floats) {
  for (size_t i = 0; i < floats; i += 4) _mm_store_ps(to + i, _mm_load_ps(from + i));
}

void CopyPastCaches(float* to, const float* from, size_t floats) {
  for (size_t i = 0; i < floats; i += 4) _mm_stream_ps(to + i, _mm_load_ps(from + i));
  _mm_sfence();
}

struct FreeDeleter {
  void operator()(float* p) const { std::free(p); }
};
using Array = std::unique_ptr<float[], FreeDeleter>;

Array Allocate(size_t floats) {
  Array array(static_cast<float*>(std::aligned_alloc(1 << 21, floats * sizeof(float))));
  std::memset(array.get(), 1, floats * sizeof(float));
  return array;
}

}  // namespace

FmaPeak MeasureFmaPeak(const std::vector<int>& cpus) {
  const FmaKernel kernel = ChooseKernel();
  constexpr int64_t kRounds = 2'000'000;
  FmaPeak peak;
  peak.isa = kernel.isa;
  for (int attempt = 0; attempt < 8; ++attempt) {
    const double seconds = RunOnCpus(cpus, [&](size_t) { kernel.run(kRounds); });
    const double flops = kernel.flops_a_round * static_cast<double>(kRounds) * static_cast<double>(cpus.size());
    peak.gflops = std::max(peak.gflops, flops / seconds * 1e-9);
  }
  return peak;
}

double MeasureCopyBandwidth(const std::vector<int>& cpus) {
  // 128 MiB an array and CPU, on large machines less: 2 GiB in all are beyond any cache.
  const size_t floats_each =
      std::min(size_t{32} << 20, (size_t{256} << 20) / std::max<size_t>(1, cpus.size()) / 4096 * 4096);
  std::vector<Array> from, to;
  for (size_t i = 0; i < cpus.size(); ++i) {
    from.push_back(Allocate(floats_each));
    to.push_back(Allocate(floats_each));
  }
  double best = 0;
  for (auto* copy : {CopyPlain, CopyPastCaches}) {
    for (int attempt = 0; attempt < 4; ++attempt) {
      const double seconds = RunOnCpus(cpus, [&](size_t i) { copy(to[i].get(), from[i].get(), floats_each); });
      const double bytes = 2.0 * sizeof(float) * static_cast<double>(floats_each) * static_cast<double>(cpus.size());
      best = std::max(best, bytes / seconds * 1e-9);
    }
  }
  return best;
}

}  // namespace hone::bench
