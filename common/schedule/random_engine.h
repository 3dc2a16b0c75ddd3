// The pseudo-random numbers of a schedule, drawn exactly as the peer draws them: minstd and the algorithms of the GNU
// C++ library's distributions.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace hone::schedule {

class RandomEngine {
 public:
  // -1 takes a seed from the system; otherwise not negative. 0 modulo 2^31 - 1 becomes 1.
  static absl::StatusOr<int64_t> NormalizeSeed(int64_t seed);

  explicit RandomEngine(int64_t state) : state_(state) {}
  int64_t state() const { return state_; }

  // In [1, 2147483646].
  uint64_t Next() {
    state_ = state_ * 48271 % 2147483647;
    return static_cast<uint64_t>(state_);
  }
  // A seed for another engine.
  int64_t Fork() { return static_cast<int64_t>(Next() * 32767 % 1999999973); }
  // In [low, high_exclusive); draws nothing when there is one value only.
  int64_t SampleInt(int64_t low, int64_t high_exclusive);
  // An index with the given weights, which need not sum to 1.
  size_t SampleWeighted(absl::Span<const double> weights);
  // `k` distinct numbers of [0, n).
  std::vector<int64_t> SampleWithoutReplacement(int64_t n, int64_t k);

 private:
  int64_t state_;
};

}  // namespace hone::schedule
