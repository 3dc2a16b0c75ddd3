// Bytes of protobuf messages without the messages (protobuf's encoding guide): for answers that are put together from
// stored messages. Two messages' bytes one after the other are the bytes of their merge, so what is known besides a
// stored message is written behind it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hone {

// Each appends one field.
void AppendVarintField(int field, uint64_t value, std::string* bytes);
void AppendDoubleField(int field, double value, std::string* bytes);
void AppendBytesField(int field, std::string_view value, std::string* bytes);  // Also text and embedded messages.
// The start of a field whose `size` bytes the caller appends.
void AppendFieldOfBytes(int field, size_t size, std::string* bytes);

struct ProtoField {
  int number = 0;
  std::string_view whole;  // With its tag.
  std::string_view bytes;  // Of a field of bytes, text or message; else empty.
};
// Takes the first field off `message`; false at its end and where it is no message (`message` then is not empty).
// Groups, which proto3 does not have, are no message.
bool NextProtoField(std::string_view& message, ProtoField& field);

}  // namespace hone
