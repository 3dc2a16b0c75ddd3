// Constant bounds of integer expressions: an inclusive interval with infinities.
#pragma once

#include <cstdint>

#include "common/ir/dtype.h"

namespace hone::arith {

// kNegInf and kPosInf stand for unbounded; arithmetic saturates at them. 64-bit types are taken as unbounded.
struct ConstIntBound {
  static constexpr int64_t kPosInf = INT64_MAX;
  static constexpr int64_t kNegInf = -INT64_MAX;

  int64_t min_value = kNegInf;
  int64_t max_value = kPosInf;

  static constexpr ConstIntBound Everything() { return {}; }
  // What a value of `dtype` can hold; Everything for types that are no integers.
  static ConstIntBound Everything(ir::DataType dtype);
  static constexpr ConstIntBound Point(int64_t value) { return {value, value}; }

  bool is_const() const { return min_value == max_value; }
  bool is_const(int64_t value) const { return min_value == value && max_value == value; }
  bool is_everything() const { return min_value == kNegInf && max_value == kPosInf; }
  bool has_min() const { return min_value != kNegInf; }
  bool has_max() const { return max_value != kPosInf; }
  bool Contains(ConstIntBound inner) const { return min_value <= inner.min_value && inner.max_value <= max_value; }
  constexpr bool operator==(const ConstIntBound&) const = default;
};

// Of two intervals: the hull, and the common part (which may be empty: min_value > max_value).
ConstIntBound Union(ConstIntBound a, ConstIntBound b);
ConstIntBound Intersect(ConstIntBound a, ConstIntBound b);

}  // namespace hone::arith
