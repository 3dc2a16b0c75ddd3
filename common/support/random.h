// Counter-based random numbers: every draw is a pure function of (key, counter), so results do not depend on threads
// or on how many draws others made. The block function is Philox4x32-10 (Salmon et al., "Parallel random numbers:
// as easy as 1, 2, 3", SC 2011).
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>

namespace hone {

// Four 32-bit words for one counter value under one key.
std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// A stream of draws keyed by a tuple such as (seed, task, round, generation, slot, attempt). Two streams with the same
// tuple give the same numbers on every machine. Not thread-safe; cheap to create, copy and throw away. Satisfies
// UniformRandomBitGenerator.
class CounterRandom {
 public:
  using result_type = uint64_t;

  explicit CounterRandom(std::initializer_list<uint64_t> key);

  static constexpr uint64_t min() { return 0; }
  static constexpr uint64_t max() { return UINT64_MAX; }
  uint64_t operator()() { return Next(); }

  uint64_t Next();
  // Uniform in [0, bound), without bias; bound > 0.
  uint64_t Below(uint64_t bound);
  // Uniform in [low, high]; low <= high.
  int64_t Between(int64_t low, int64_t high);
  // Uniform in [0, 1) with 53 bits.
  double Unit();
  // Standard normal (Box and Muller, 1958).
  double Normal();

 private:
  std::array<uint32_t, 2> key_;
  std::array<uint32_t, 4> counter_;
  std::array<uint32_t, 4> block_{};
  int used_ = 4;  // Words of block_ already given out.
};

}  // namespace hone
