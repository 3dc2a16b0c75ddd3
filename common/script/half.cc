#include "common/script/half.h"

#include <cmath>
#include <limits>

namespace hone::script {

uint16_t HalfFromDouble(double value) {
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  if (std::isnan(value)) return sign | 0x7E00;
  const double magnitude = std::fabs(value);
  if (magnitude >= 65520) return sign | 0x7C00;
  if (magnitude < std::ldexp(1, -14)) {  // Subnormal: multiples of 2^-24.
    return sign | static_cast<uint16_t>(std::nearbyint(std::ldexp(magnitude, 24)));
  }
  int exponent = 0;
  const double fraction = std::frexp(magnitude, &exponent);                         // In [0.5, 1).
  const int mantissa = static_cast<int>(std::nearbyint(std::ldexp(fraction, 11)));  // In [1024, 2048].
  return sign | static_cast<uint16_t>(((exponent + 14) << 10) + (mantissa - 1024));
}

double DoubleFromHalf(uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const int mantissa = bits & 1023;
  double magnitude;
  if (exponent == 31) {
    magnitude = mantissa == 0 ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
  } else if (exponent == 0) {
    magnitude = std::ldexp(mantissa, -24);
  } else {
    magnitude = std::ldexp(1024 + mantissa, exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

}  // namespace hone::script
