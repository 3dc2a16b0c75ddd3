// Arithmetic on int64 where ConstIntBound::kNegInf and kPosInf are infinities and overflow saturates.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <numeric>

#include "common/arith/const_int_bound.h"
#include "common/ir/ops.h"

namespace hone::arith {

inline constexpr int64_t kPosInf = ConstIntBound::kPosInf;
inline constexpr int64_t kNegInf = ConstIntBound::kNegInf;

inline bool IsInf(int64_t x) { return x == kPosInf || x <= kNegInf; }
// INT64_MIN is no value of its own.
inline int64_t Saturate(int64_t x) { return x < kNegInf ? kNegInf : x; }

// The first operand wins when infinities meet: callers add ends of the same side.
inline int64_t InfAdd(int64_t x, int64_t y) {
  if (IsInf(x)) return Saturate(x);
  if (IsInf(y)) return Saturate(y);
  int64_t out;
  if (__builtin_add_overflow(x, y, &out)) return x > 0 ? kPosInf : kNegInf;
  return Saturate(out);
}
inline int64_t InfNeg(int64_t x) { return -Saturate(x); }
inline int64_t InfSub(int64_t x, int64_t y) { return InfAdd(x, InfNeg(y)); }
inline int64_t InfMul(int64_t x, int64_t y) {
  if (x == 0 || y == 0) return 0;
  const bool negative = (x < 0) != (y < 0);
  if (IsInf(x) || IsInf(y)) return negative ? kNegInf : kPosInf;
  int64_t out;
  if (__builtin_mul_overflow(x, y, &out)) return negative ? kNegInf : kPosInf;
  return Saturate(out);
}
// y != 0. Limits where an operand is infinite.
inline int64_t InfDiv(int64_t x, int64_t y) {
  if (IsInf(y)) return 0;
  if (IsInf(x)) return (x < 0) != (y < 0) ? kNegInf : kPosInf;
  return x / y;
}
inline int64_t InfFloorDiv(int64_t x, int64_t y) {
  if (IsInf(y)) return x != 0 && (x < 0) != (y < 0) ? -1 : 0;
  if (IsInf(x)) return (x < 0) != (y < 0) ? kNegInf : kPosInf;
  return ir::FloorDivInt(x, y);
}

// gcd where 0 is divisible by everything; not negative.
inline int64_t ZeroAwareGcd(int64_t a, int64_t b) { return std::gcd(a, b); }

}  // namespace hone::arith
