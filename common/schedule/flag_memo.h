// What was found out about blocks before, so that the flags of a scope cost little when most of it did not change.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace hone::schedule {

// A hash of all that a verdict follows from: addresses of immutable nodes, numbers of nodes of the tree.
class VerdictKey {
 public:
  explicit VerdictKey(uint64_t purpose) : hash_(purpose) {}
  void Add(const void* node) { Add(reinterpret_cast<uint64_t>(node)); }
  void Add(uint64_t word) {
    const unsigned __int128 product = static_cast<unsigned __int128>(hash_ ^ word) * 0x9E3779B97F4A7C15ull;
    hash_ = static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64) ^ (hash_ << 1);
  }
  uint64_t hash() const { return hash_; }

 private:
  uint64_t hash_;
};

// The last verdicts. Plain data; the nodes that the keys name must live as long as this.
class FlagMemo {
 public:
  std::optional<bool> Find(const VerdictKey& key) const {
    const uint64_t wanted = key.hash() | 1;
    for (const uint64_t known : known_) {
      if ((known | 1) == wanted) return (known & 1) != 0;
    }
    return std::nullopt;
  }
  void Add(const VerdictKey& key, bool verdict) {
    known_[next_] = (key.hash() | 1) ^ (verdict ? 0 : 1);
    next_ = (next_ + 1) % known_.size();
  }

 private:
  std::array<uint64_t, 64> known_{};  // Keys with the verdict in place of the last bit.
  size_t next_ = 0;
};

}  // namespace hone::schedule
