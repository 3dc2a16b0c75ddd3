#include <cblas.h>

#include <algorithm>

#include "bench/huge_memory.h"
#include "bench/peers.h"
#include "bench/timing.h"
#include "common/support/strings.h"

namespace hone::bench {
namespace {

// Values of no importance, but no zeros, NaN or subnormal numbers.
HugeVector<float> Values(int64_t count) {
  HugeVector<float> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 13) * 0.125f - 0.75f;
  return values;
}

void AddBiasRelu(float* rows, const float* bias, int64_t m, int64_t n) {
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) rows[i * n + j] = std::max(0.0f, rows[i * n + j] + bias[j]);
  }
}

}  // namespace

absl::StatusOr<PeerTiming> TimeOpenBlas(const WorkloadSpec& spec, int threads) {
  const bool matmul = spec.kind == WorkloadKind::kMatmul || spec.kind == WorkloadKind::kMatmulBiasRelu;
  if (!matmul || spec.dtype != "float32") return absl::UnimplementedError("OpenBLAS has no such function");
  const int m = static_cast<int>(spec.sizes[0]), n = static_cast<int>(spec.sizes[1]),
            k = static_cast<int>(spec.sizes[2]);
  const HugeVector<float> a = Values(spec.sizes[0] * k), b = Values(spec.sizes[2] * n), bias = Values(n);
  HugeVector<float> c(static_cast<size_t>(spec.sizes[0] * n));
  openblas_set_num_threads(threads);
  const Timing timing = MedianOf([&] {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1, a.data(), k, b.data(), n, 0, c.data(), n);
    if (spec.kind == WorkloadKind::kMatmulBiasRelu) AddBiasRelu(c.data(), bias.data(), m, n);
  });
  return PeerTiming{StrCat("OpenBLAS (", openblas_get_corename(), ")"), timing.median_seconds};
}

}  // namespace hone::bench
