#include "common/interp/tensor.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace hone::interp {
namespace {

using ir::DataType;
using ir::TypeCode;

template <typename T>
T Read(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}
template <typename T>
void Write(uint8_t* at, T value) {
  std::memcpy(at, &value, sizeof(T));
}

// A small binary float format: sign, `exponent_bits`, `mantissa_bits`. has_infinity: IEEE-like top exponent; otherwise
// only the all-ones pattern is NaN (e4m3fn).
struct SmallFloat {
  int exponent_bits;
  int mantissa_bits;
  bool has_infinity;
  int bias() const { return (1 << (exponent_bits - 1)) - 1; }
};

constexpr SmallFloat kHalf{5, 10, true};
constexpr SmallFloat kBf16{8, 7, true};
constexpr SmallFloat kE4M3{4, 3, false};
constexpr SmallFloat kE5M2{5, 2, true};

double Decode(const SmallFloat& f, uint32_t bits) {
  const uint32_t sign = bits >> (f.exponent_bits + f.mantissa_bits) & 1;
  const uint32_t exponent = bits >> f.mantissa_bits & ((1u << f.exponent_bits) - 1);
  const uint32_t mantissa = bits & ((1u << f.mantissa_bits) - 1);
  const uint32_t top = (1u << f.exponent_bits) - 1;
  double value;
  if (exponent == top && f.has_infinity) {
    value = mantissa != 0 ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
  } else if (exponent == top && mantissa == (1u << f.mantissa_bits) - 1) {
    value = std::numeric_limits<double>::quiet_NaN();
  } else if (exponent == 0) {
    value = std::ldexp(static_cast<double>(mantissa), 1 - f.bias() - f.mantissa_bits);
  } else {
    value = std::ldexp(1.0 + std::ldexp(static_cast<double>(mantissa), -f.mantissa_bits),
                       static_cast<int>(exponent) - f.bias());
  }
  return sign != 0 ? -value : value;
}

uint32_t Encode(const SmallFloat& f, double value, bool saturate) {
  const uint32_t sign = std::signbit(value) ? 1u << (f.exponent_bits + f.mantissa_bits) : 0;
  const uint32_t top = ((1u << f.exponent_bits) - 1) << f.mantissa_bits;
  const uint32_t nan = f.has_infinity ? top | (1u << (f.mantissa_bits - 1)) : top | ((1u << f.mantissa_bits) - 1);
  if (std::isnan(value)) return sign | nan;
  const double magnitude = std::fabs(value);
  const int min_exponent = 1 - f.bias();
  const uint32_t max_finite = f.has_infinity ? top - 1 : (top | ((1u << f.mantissa_bits) - 1)) - 1;
  if (std::isinf(magnitude)) return sign | (saturate || !f.has_infinity ? max_finite : top);
  if (magnitude == 0) return sign;
  int exponent = 0;
  std::frexp(magnitude, &exponent);
  exponent = std::max(exponent - 1, min_exponent);
  // Units in the last place at this exponent; nearbyint rounds to nearest even.
  const double units = std::nearbyint(std::ldexp(magnitude, f.mantissa_bits - exponent));
  uint64_t bits = static_cast<uint64_t>(units);
  // Normal numbers carry their implicit bit into the exponent field by addition; so do carries of rounding.
  const uint64_t base = bits >= (uint64_t{1} << f.mantissa_bits)
                            ? (static_cast<uint64_t>(exponent + f.bias() - 1) << f.mantissa_bits) + bits
                            : bits;
  if (base > max_finite) return sign | (saturate || !f.has_infinity ? max_finite : top);
  return sign | static_cast<uint32_t>(base);
}

}  // namespace

int64_t WrapTo(DataType t, int64_t value) {
  if (t.bits >= 64) return value;
  if (t.is_bool()) return value != 0;
  const uint64_t mask = (uint64_t{1} << t.bits) - 1;
  uint64_t low = static_cast<uint64_t>(value) & mask;
  if (t.is_int() && (low >> (t.bits - 1)) != 0) low |= ~mask;
  return static_cast<int64_t>(low);
}

double RoundTo(DataType t, double value) {
  switch (t.code) {
    case TypeCode::kFloat:
      if (t.bits == 64) return value;
      if (t.bits == 32) return static_cast<double>(static_cast<float>(value));
      return Decode(kHalf, Encode(kHalf, value, false));
    case TypeCode::kBFloat:
      return Decode(kBf16, Encode(kBf16, value, false));
    case TypeCode::kE4M3Float:
      return Decode(kE4M3, Encode(kE4M3, value, true));
    case TypeCode::kE5M2Float:
      return Decode(kE5M2, Encode(kE5M2, value, true));
    case TypeCode::kInt:
    case TypeCode::kUInt:
    case TypeCode::kHandle:
      return value;
  }
  return value;
}

int64_t LoadInt(DataType t, const uint8_t* at) {
  switch ((t.bits + 7) / 8) {
    case 1:
      return t.is_int() ? WrapTo(t, Read<int8_t>(at)) : WrapTo(t, Read<uint8_t>(at));
    case 2:
      return t.is_int() ? int64_t{Read<int16_t>(at)} : int64_t{Read<uint16_t>(at)};
    case 4:
      return t.is_int() ? int64_t{Read<int32_t>(at)} : int64_t{Read<uint32_t>(at)};
    default:
      return Read<int64_t>(at);
  }
}

void StoreInt(DataType t, uint8_t* at, int64_t value) {
  value = WrapTo(t, value);
  switch ((t.bits + 7) / 8) {
    case 1:
      return Write(at, static_cast<uint8_t>(value));
    case 2:
      return Write(at, static_cast<uint16_t>(value));
    case 4:
      return Write(at, static_cast<uint32_t>(value));
    default:
      return Write(at, value);
  }
}

double LoadFloat(DataType t, const uint8_t* at) {
  switch (t.code) {
    case TypeCode::kFloat:
      if (t.bits == 64) return Read<double>(at);
      if (t.bits == 32) return Read<float>(at);
      return Decode(kHalf, Read<uint16_t>(at));
    case TypeCode::kBFloat:
      return Decode(kBf16, Read<uint16_t>(at));
    case TypeCode::kE4M3Float:
      return Decode(kE4M3, Read<uint8_t>(at));
    case TypeCode::kE5M2Float:
      return Decode(kE5M2, Read<uint8_t>(at));
    case TypeCode::kInt:
    case TypeCode::kUInt:
    case TypeCode::kHandle:
      return static_cast<double>(LoadInt(t, at));
  }
  return 0;
}

void StoreFloat(DataType t, uint8_t* at, double value) {
  switch (t.code) {
    case TypeCode::kFloat:
      if (t.bits == 64) return Write(at, value);
      if (t.bits == 32) return Write(at, static_cast<float>(value));
      return Write(at, static_cast<uint16_t>(Encode(kHalf, value, false)));
    case TypeCode::kBFloat:
      return Write(at, static_cast<uint16_t>(Encode(kBf16, value, false)));
    case TypeCode::kE4M3Float:
      return Write(at, static_cast<uint8_t>(Encode(kE4M3, value, true)));
    case TypeCode::kE5M2Float:
      return Write(at, static_cast<uint8_t>(Encode(kE5M2, value, true)));
    case TypeCode::kInt:
    case TypeCode::kUInt:
    case TypeCode::kHandle:
      return StoreInt(t, at, static_cast<int64_t>(value));
  }
}

Tensor::Tensor(DataType type, std::vector<int64_t> dims) : dtype(type), shape(std::move(dims)) {
  bytes.resize(static_cast<size_t>(num_elements()) * dtype.bytes());
}

int64_t Tensor::num_elements() const {
  int64_t n = 1;
  for (int64_t dim : shape) n *= dim;
  return n;
}

double Tensor::At(int64_t flat) const {
  const DataType element = dtype.element();
  const uint8_t* at = bytes.data() + flat * element.bytes();
  return element.is_any_float() ? LoadFloat(element, at) : static_cast<double>(LoadInt(element, at));
}

void FillRandom(Tensor& tensor, CounterRandom& random, bool symmetric) {
  const DataType element = tensor.dtype.element();
  const int64_t n = tensor.num_elements() * tensor.dtype.lanes;
  for (int64_t i = 0; i < n; ++i) {
    uint8_t* at = tensor.bytes.data() + i * element.bytes();
    if (element.is_any_float()) {
      const double u = random.Unit();
      StoreFloat(element, at, symmetric ? 2 * u - 1 : u);
    } else if (element.is_bool()) {
      StoreInt(element, at, static_cast<int64_t>(random.Below(2)));
    } else if (element.bits == 8) {
      StoreInt(element, at, element.is_int() ? random.Between(-128, 126) : random.Between(0, 254));
    } else {
      StoreInt(element, at, random.Between(0, element.bits >= 16 ? 9999 : ir::MaxInt(element)));
    }
  }
}

Difference Compare(const Tensor& got, const Tensor& expected, double relative, double absolute) {
  Difference d;
  const int64_t n = expected.num_elements() * expected.dtype.lanes;
  if (got.bytes.size() != expected.bytes.size()) {
    d.close = false;
    return d;
  }
  for (int64_t i = 0; i < n; ++i) {
    const double g = got.At(i);
    const double e = expected.At(i);
    if (g == e || (std::isnan(g) && std::isnan(e))) continue;
    const double diff = std::fabs(g - e);
    const bool bad = !(diff <= absolute + relative * std::fabs(e));
    if (std::isfinite(diff)) {
      d.max_abs = std::max(d.max_abs, diff);
      d.max_rel = std::max(d.max_rel, diff / std::max(std::fabs(e), 1e-30));
    } else {
      d.max_abs = d.max_rel = std::numeric_limits<double>::infinity();
    }
    if (bad && d.close) {
      d.close = false;
      d.worst = i;
      d.got = g;
      d.expected = e;
    }
  }
  return d;
}

double Tolerance(DataType dtype, int64_t reduction_length) {
  if (!dtype.is_any_float()) return 0;
  double unit = 0x1p-24;
  if (dtype.bits == 64) unit = 0x1p-53;
  if (dtype.bits == 16) unit = dtype.is_bfloat16() ? 0x1p-8 : 0x1p-11;
  if (dtype.bits == 8) unit = dtype.code == TypeCode::kE4M3Float ? 0x1p-4 : 0x1p-3;
  // Error of a sum grows with the root of its length for random rounding (Higham, Accuracy and Stability, 2.8).
  return unit * (16 + 4 * std::sqrt(static_cast<double>(std::max<int64_t>(reduction_length, 1))));
}

}  // namespace hone::interp
