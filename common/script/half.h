// IEEE binary16 as bits.
#pragma once

#include <cstdint>

namespace hone::script {

// Rounds to nearest, ties to even; beyond the range gives an infinity.
uint16_t HalfFromDouble(double value);
double DoubleFromHalf(uint16_t bits);

}  // namespace hone::script
