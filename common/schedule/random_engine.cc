#include "common/schedule/random_engine.h"

#include <algorithm>
#include <numeric>
#include <random>

#include "common/support/strings.h"

namespace hone::schedule {

constexpr int64_t kModulus = 2147483647;

absl::StatusOr<int64_t> RandomEngine::NormalizeSeed(int64_t seed) {
  if (seed == -1) seed = static_cast<int64_t>(std::random_device()() % kModulus);
  if (seed < 0) return absl::InvalidArgumentError(StrCat("seed ", seed, ": expected -1 or a number not negative"));
  seed %= kModulus;
  return seed == 0 ? 1 : seed;
}

int64_t RandomEngine::SampleInt(int64_t low, int64_t high_exclusive) {
  const auto count = static_cast<uint64_t>(high_exclusive - low);
  if (count <= 1) return low;
  const uint64_t bucket = 2147483646ull / count;
  uint64_t draw = Next();
  while (draw >= bucket * count) draw = Next();
  return low + static_cast<int64_t>(draw / bucket);
}

size_t RandomEngine::SampleWeighted(absl::Span<const double> weights) {
  if (weights.size() < 2) return 0;  // The library's distribution draws nothing then.
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  const auto a = static_cast<double>(Next());
  const auto b = static_cast<double>(Next());
  const double u = (a + b * 2147483647.0) / (2147483647.0 * 2147483647.0);
  double cumulative = 0;
  for (size_t i = 0; i + 1 < weights.size(); ++i) {
    cumulative += weights[i] / sum;
    if (u <= cumulative) return i;
  }
  return weights.size() - 1;
}

std::vector<int64_t> RandomEngine::SampleWithoutReplacement(int64_t n, int64_t k) {
  if (k == 1) return {SampleInt(0, n)};
  if (k == 2) {
    const int64_t first = SampleInt(0, n);
    int64_t second = SampleInt(0, n - 1);
    if (second >= first) ++second;
    return {first, second};
  }
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (int64_t i = 0; i < k; ++i) {
    const int64_t j = SampleInt(i, n);
    if (i != j) std::swap(order[i], order[j]);
  }
  order.resize(static_cast<size_t>(k));
  return order;
}

}  // namespace hone::schedule
