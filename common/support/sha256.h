// SHA-256 (FIPS 180-4), by OpenSSL. Content ids on the wire, in PostgreSQL and in caches are these digests.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace hone {

// A digest as a value: comparable, hashable, printable.
struct Digest {
  std::array<uint8_t, 32> bytes{};

  std::string Hex() const;
  // The 32 raw bytes.
  std::string Raw() const { return std::string(bytes.begin(), bytes.end()); }
  // False when `hex` is not 64 hexadecimal digits.
  static bool FromHex(std::string_view hex, Digest& digest);
  static bool FromRaw(std::string_view raw, Digest& digest);

  auto operator<=>(const Digest&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const Digest& d) {
    return H::combine_contiguous(std::move(h), d.bytes.data(), 16);
  }
};

Digest Sha256(std::string_view data);

}  // namespace hone
