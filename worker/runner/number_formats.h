// Conversions of the short floating-point formats, bit by bit, by round to nearest even.
#pragma once

#include <cstdint>
#include <string_view>

namespace hone::runner {

uint16_t Float16Bits(float value);
float Float16Value(uint16_t bits);
uint16_t BFloat16Bits(float value);
float BFloat16Value(uint16_t bits);
// float8_e4m3fn (no infinities, 0x7f is NaN) and float8_e5m2.
float Float8E4M3Value(uint8_t bits);
float Float8E5M2Value(uint8_t bits);

}  // namespace hone::runner
