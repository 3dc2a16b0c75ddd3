// Data types of tensor IR: (code, bits, lanes).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hone::ir {

// The numeric values are TVM's and appear in its files.
enum class TypeCode : uint8_t {
  kInt = 0,
  kUInt = 1,
  kFloat = 2,
  kHandle = 3,
  kBFloat = 4,
  kE4M3Float = 6,
  kE5M2Float = 7,
};

// A value of 4 bytes, passed by value. Lanes: 1 = scalar, n > 1 = vector of n, n < 0 = scalable vector of vscale * |n|.
// uint1 is bool; a handle of 0 bits is void.
struct DataType {
  TypeCode code = TypeCode::kHandle;
  uint8_t bits = 0;
  int16_t lanes = 0;

  static constexpr DataType Int(int bits, int lanes = 1) { return Of(TypeCode::kInt, bits, lanes); }
  static constexpr DataType UInt(int bits, int lanes = 1) { return Of(TypeCode::kUInt, bits, lanes); }
  static constexpr DataType Float(int bits, int lanes = 1) { return Of(TypeCode::kFloat, bits, lanes); }
  static constexpr DataType BFloat16(int lanes = 1) { return Of(TypeCode::kBFloat, 16, lanes); }
  static constexpr DataType Bool(int lanes = 1) { return Of(TypeCode::kUInt, 1, lanes); }
  static constexpr DataType Handle() { return Of(TypeCode::kHandle, 64, 1); }
  static constexpr DataType Void() { return Of(TypeCode::kHandle, 0, 0); }
  static constexpr DataType Of(TypeCode code, int bits, int lanes) {
    return DataType{code, static_cast<uint8_t>(bits), static_cast<int16_t>(lanes)};
  }

  constexpr bool is_int() const { return code == TypeCode::kInt; }
  constexpr bool is_uint() const { return code == TypeCode::kUInt; }
  constexpr bool is_float8() const { return code == TypeCode::kE4M3Float || code == TypeCode::kE5M2Float; }
  constexpr bool is_bfloat16() const { return code == TypeCode::kBFloat; }
  // IEEE float of any width (not bfloat16, not float8).
  constexpr bool is_float() const { return code == TypeCode::kFloat; }
  constexpr bool is_any_float() const { return is_float() || is_bfloat16() || is_float8(); }
  constexpr bool is_bool() const { return code == TypeCode::kUInt && bits == 1; }
  constexpr bool is_handle() const { return code == TypeCode::kHandle && bits != 0; }
  constexpr bool is_void() const { return code == TypeCode::kHandle && bits == 0; }
  constexpr bool is_scalar() const { return lanes == 1; }
  constexpr bool is_vector() const { return lanes > 1 || lanes < 0; }
  constexpr bool is_scalable() const { return lanes < 0; }
  // Signed scalar integer of 32 bits or more: the types that take part in canonical index forms.
  constexpr bool is_index() const { return is_int() && is_scalar() && bits >= 32; }

  constexpr DataType with_lanes(int new_lanes) const { return Of(code, bits, new_lanes); }
  constexpr DataType with_bits(int new_bits) const { return Of(code, new_bits, lanes); }
  constexpr DataType element() const { return Of(code, bits, 1); }
  // Storage bytes of one value with all lanes (bool takes 1 byte a lane, int4 is rounded up).
  constexpr int bytes() const { return (bits + 7) / 8 * (lanes < 0 ? -lanes : lanes); }

  constexpr bool operator==(const DataType&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, DataType t) {
    return H::combine(std::move(h), static_cast<int>(t.code), t.bits, t.lanes);
  }

  // "float32", "int32x4", "float32xvscalex4", "bool", "uint1x4", "handle", "e4m3_float8"; void prints as "" here and as
  // "void" where `void_as_word`.
  std::string ToString(bool void_as_word = false) const;
  // nullopt when `text` is no type. "int", "uint", "float" default to 32 bits; "" and "void" are void.
  static std::optional<DataType> Parse(std::string_view text);
};

inline constexpr DataType kInt32 = DataType::Int(32);
inline constexpr DataType kInt64 = DataType::Int(64);
inline constexpr DataType kBool = DataType::Bool();
inline constexpr DataType kFloat32 = DataType::Float(32);

// Largest and smallest finite value as a double; integer types saturate at what a double holds exactly.
double MaxFloat(DataType type);
// For integer types of at most 64 bits (uint64 max is returned as INT64_MAX).
int64_t MaxInt(DataType type);
int64_t MinInt(DataType type);

}  // namespace hone::ir
