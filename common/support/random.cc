#include "common/support/random.h"

#include <cmath>
#include <numbers>

namespace hone {
namespace {

// The finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): a bijection that mixes all bits.
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace

std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> c, std::array<uint32_t, 2> k) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * c[0];
    const uint64_t p1 = uint64_t{0xCD9E8D57u} * c[2];
    c = {static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ k[0], static_cast<uint32_t>(p1),
         static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ k[1], static_cast<uint32_t>(p0)};
    k[0] += 0x9E3779B9u;
    k[1] += 0xBB67AE85u;
  }
  return c;
}

CounterRandom::CounterRandom(std::initializer_list<uint64_t> key) {
  uint64_t a = 0x243f6a8885a308d3u;
  uint64_t b = 0x13198a2e03707344u;
  for (uint64_t part : key) {
    a = Mix(a ^ part);
    b = Mix(b + part * 0x9e3779b97f4a7c15u) ^ a;
  }
  key_ = {static_cast<uint32_t>(a), static_cast<uint32_t>(a >> 32)};
  counter_ = {0, 0, static_cast<uint32_t>(b), static_cast<uint32_t>(b >> 32)};
}

uint64_t CounterRandom::Next() {
  if (used_ >= 4) {
    block_ = Philox4x32(counter_, key_);
    if (++counter_[0] == 0) ++counter_[1];
    used_ = 0;
  }
  const uint64_t value = block_[used_] | uint64_t{block_[used_ + 1]} << 32;
  used_ += 2;
  return value;
}

uint64_t CounterRandom::Below(uint64_t bound) {
  const uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  uint64_t value = Next();
  while (value >= limit) value = Next();
  return value % bound;
}

int64_t CounterRandom::Between(int64_t low, int64_t high) {
  const uint64_t span = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
  if (span == UINT64_MAX) return static_cast<int64_t>(Next());
  return static_cast<int64_t>(static_cast<uint64_t>(low) + Below(span + 1));
}

double CounterRandom::Unit() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

double CounterRandom::Normal() {
  const double u = 1.0 - Unit();
  const double v = Unit();
  return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
}

}  // namespace hone
