#include "common/wire/proto_bytes.h"

#include <cstring>

namespace hone {
namespace {

enum WireType : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

void AppendVarint(uint64_t value, std::string* bytes) {
  for (; value >= 0x80; value >>= 7) *bytes += static_cast<char>(value | 0x80);
  *bytes += static_cast<char>(value);
}

void AppendTag(int field, WireType type, std::string* bytes) {
  AppendVarint(static_cast<uint32_t>(field) << 3 | type, bytes);
}

bool TakeVarint(std::string_view& bytes, uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

bool Take(std::string_view& bytes, uint64_t size) {
  if (size > bytes.size()) return false;
  bytes.remove_prefix(size);
  return true;
}

bool TakeValue(std::string_view& rest, uint64_t type, ProtoField& field) {
  uint64_t number = 0;
  switch (type) {
    case kVarint:
      return TakeVarint(rest, number);
    case kFixed64:
      return Take(rest, 8);
    case kFixed32:
      return Take(rest, 4);
    case kBytes:
      if (!TakeVarint(rest, number) || number > rest.size()) return false;
      field.bytes = rest.substr(0, number);
      return Take(rest, number);
    default:
      return false;
  }
}

}  // namespace

void AppendVarintField(int field, uint64_t value, std::string* bytes) {
  AppendTag(field, kVarint, bytes);
  AppendVarint(value, bytes);
}

void AppendDoubleField(int field, double value, std::string* bytes) {
  AppendTag(field, kFixed64, bytes);
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(bits));
  for (int shift = 0; shift < 64; shift += 8) *bytes += static_cast<char>(bits >> shift);
}

void AppendFieldOfBytes(int field, size_t size, std::string* bytes) {
  AppendTag(field, kBytes, bytes);
  AppendVarint(size, bytes);
}

void AppendBytesField(int field, std::string_view value, std::string* bytes) {
  AppendFieldOfBytes(field, value.size(), bytes);
  bytes->append(value);
}

bool NextProtoField(std::string_view& message, ProtoField& field) {
  std::string_view rest = message;
  uint64_t tag = 0;
  field = ProtoField();
  if (!TakeVarint(rest, tag) || tag >> 3 == 0 || tag >> 32 != 0 || !TakeValue(rest, tag & 7, field)) return false;
  field.number = static_cast<int>(tag >> 3);
  field.whole = message.substr(0, message.size() - rest.size());
  message = rest;
  return true;
}

}  // namespace hone
