#include "worker/runner/number_formats.h"

#include <bit>
#include <cmath>
#include <limits>

namespace hone::runner {
namespace {

// A value of sign, `exponent_bits` and `mantissa_bits`, by IEEE 754's reading of normal and subnormal numbers.
float Decode(uint32_t bits, int exponent_bits, int mantissa_bits) {
  const uint32_t mantissa = bits & ((1u << mantissa_bits) - 1);
  const int exponent = static_cast<int>((bits >> mantissa_bits) & ((1u << exponent_bits) - 1));
  const bool negative = (bits >> (exponent_bits + mantissa_bits)) & 1;
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const float magnitude =
      exponent == 0 ? std::ldexp(static_cast<float>(mantissa), 1 - bias - mantissa_bits)
                    : std::ldexp(static_cast<float>(mantissa | (1u << mantissa_bits)), exponent - bias - mantissa_bits);
  return negative ? -magnitude : magnitude;
}

}  // namespace

uint16_t BFloat16Bits(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if (std::isnan(value)) return static_cast<uint16_t>((bits >> 16) | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

float BFloat16Value(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

uint16_t Float16Bits(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000);
  const float magnitude = std::fabs(value);
  if (std::isnan(value)) return sign | 0x7e00;
  if (magnitude >= 65520.0f) return sign | 0x7c00;
  if (magnitude < 0x1p-14f) {
    // Subnormal: the multiple of 2^-24 that is nearest, by the rounding of the floating-point unit.
    return sign | static_cast<uint16_t>(std::nearbyint(magnitude * 0x1p24f));
  }
  const uint32_t absolute = bits & 0x7fffffff;
  const uint32_t rounded = absolute + 0xfff + ((absolute >> 13) & 1);
  return sign | static_cast<uint16_t>((rounded >> 13) - (112u << 10));
}

float Float16Value(uint16_t bits) {
  if ((bits & 0x7c00) != 0x7c00) return Decode(bits, 5, 10);
  if ((bits & 0x3ff) != 0) return std::numeric_limits<float>::quiet_NaN();
  return (bits & 0x8000) != 0 ? -std::numeric_limits<float>::infinity() : std::numeric_limits<float>::infinity();
}

float Float8E4M3Value(uint8_t bits) {
  if ((bits & 0x7f) == 0x7f) return std::numeric_limits<float>::quiet_NaN();
  return Decode(bits, 4, 3);
}

float Float8E5M2Value(uint8_t bits) {
  if ((bits & 0x7c) != 0x7c) return Decode(bits, 5, 2);
  if ((bits & 3) != 0) return std::numeric_limits<float>::quiet_NaN();
  return (bits & 0x80) != 0 ? -std::numeric_limits<float>::infinity() : std::numeric_limits<float>::infinity();
}

}  // namespace hone::runner
