#include "common/ir/dtype.h"

#include <limits>

#include "common/support/strings.h"

namespace hone::ir {
namespace {

bool ReadDigits(std::string_view& text, int& value) {
  size_t n = 0;
  int64_t v = 0;
  while (n < text.size() && n < 6 && text[n] >= '0' && text[n] <= '9') v = v * 10 + (text[n++] - '0');
  if (n == 0) return false;
  text.remove_prefix(n);
  value = static_cast<int>(v);
  return true;
}

bool Consume(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

std::string_view BaseName(TypeCode code) {
  switch (code) {
    case TypeCode::kInt:
      return "int";
    case TypeCode::kUInt:
      return "uint";
    case TypeCode::kFloat:
      return "float";
    case TypeCode::kHandle:
      return "handle";
    case TypeCode::kBFloat:
      return "bfloat";
    case TypeCode::kE4M3Float:
      return "e4m3_float";
    case TypeCode::kE5M2Float:
      return "e5m2_float";
  }
  return "?";
}

}  // namespace

std::string DataType::ToString(bool void_as_word) const {
  if (is_void()) return void_as_word ? "void" : "";
  if (is_bool() && is_scalar()) return "bool";
  std::string out(BaseName(code));
  if (code != TypeCode::kHandle) StrAppend(&out, static_cast<int>(bits));
  if (lanes > 1) StrAppend(&out, "x", static_cast<int>(lanes));
  if (lanes < 0) StrAppend(&out, "xvscalex", static_cast<int>(-lanes));
  return out;
}

std::optional<DataType> DataType::Parse(std::string_view text) {
  if (text.empty() || text == "void") return Void();
  DataType type;
  type.lanes = 1;
  if (Consume(text, "bool")) {
    type = Bool();
  } else {
    int bits = 0;
    if (Consume(text, "uint")) {
      type.code = TypeCode::kUInt;
      bits = 32;
    } else if (Consume(text, "int")) {
      type.code = TypeCode::kInt;
      bits = 32;
    } else if (Consume(text, "float")) {
      type.code = TypeCode::kFloat;
      bits = 32;
    } else if (Consume(text, "bfloat")) {
      type.code = TypeCode::kBFloat;
      bits = 16;
    } else if (Consume(text, "e4m3_float")) {
      type.code = TypeCode::kE4M3Float;
      bits = 8;
    } else if (Consume(text, "e5m2_float")) {
      type.code = TypeCode::kE5M2Float;
      bits = 8;
    } else if (Consume(text, "handle")) {
      type.code = TypeCode::kHandle;
      bits = 64;
    } else {
      return std::nullopt;
    }
    if (type.code != TypeCode::kHandle) ReadDigits(text, bits);
    if (bits < 1 || bits > 64) return std::nullopt;
    type.bits = static_cast<uint8_t>(bits);
  }
  if (Consume(text, "xvscalex")) {
    int lanes = 0;
    if (!ReadDigits(text, lanes) || lanes < 1 || lanes > 4096) return std::nullopt;
    type.lanes = static_cast<int16_t>(-lanes);
  } else if (Consume(text, "x")) {
    int lanes = 0;
    if (!ReadDigits(text, lanes) || lanes < 1 || lanes > 32767) return std::nullopt;
    type.lanes = static_cast<int16_t>(lanes);
  }
  if (!text.empty()) return std::nullopt;
  return type;
}

double MaxFloat(DataType type) {
  switch (type.code) {
    case TypeCode::kFloat:
      if (type.bits == 64) return std::numeric_limits<double>::max();
      return type.bits == 16 ? 65504.0 : static_cast<double>(std::numeric_limits<float>::max());
    case TypeCode::kBFloat:
      return std::numeric_limits<float>::max();
    case TypeCode::kE4M3Float:
      return 448.0;
    case TypeCode::kE5M2Float:
      return 57344.0;
    case TypeCode::kInt:
    case TypeCode::kUInt:
    case TypeCode::kHandle:
      return static_cast<double>(MaxInt(type));
  }
  return 0;
}

int64_t MaxInt(DataType type) {
  if (type.is_uint()) return type.bits >= 63 ? INT64_MAX : (int64_t{1} << type.bits) - 1;
  return type.bits >= 64 ? INT64_MAX : (int64_t{1} << (type.bits - 1)) - 1;
}

int64_t MinInt(DataType type) {
  if (type.is_uint()) return 0;
  return type.bits >= 64 ? INT64_MIN : -(int64_t{1} << (type.bits - 1));
}

}  // namespace hone::ir
