#include "server/database/packed_decisions.h"

#include <charconv>
#include <cstdint>
#include <vector>

namespace hone {
namespace {

// Seven bits a byte, the lowest first; negative numbers interleaved with the others.
void AddNumber(int64_t value, std::string& bytes) {
  auto rest = static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63);
  for (; rest >= 0x80; rest >>= 7) bytes += static_cast<char>(rest | 0x80);
  bytes += static_cast<char>(rest);
}

bool TakeNumber(std::string_view& bytes, int64_t& value) {
  uint64_t read = 0;
  for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    read |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) {
      value = static_cast<int64_t>(read >> 1 ^ -(read & 1));
      return true;
    }
  }
  return false;
}

void AppendText(int64_t value, std::string* text) {
  char digits[24];
  text->append(digits, std::to_chars(digits, digits + sizeof(digits), value).ptr - digits);
}

class Text {
 public:
  explicit Text(std::string_view text) : text_(text) {}
  bool Is(char c) {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool Integer(int64_t& value) {
    auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (error != std::errc()) return false;
    text_.remove_prefix(end - text_.data());
    return true;
  }
  bool ended() const { return text_.empty(); }

 private:
  std::string_view text_;
};

// The decision after its comma: how many numbers a list has, or -1 and the number.
bool TakeDecision(Text& text, std::string& bytes) {
  int64_t value = 0;
  if (!text.Is('[')) {
    if (!text.Integer(value)) return false;
    AddNumber(-1, bytes);
    AddNumber(value, bytes);
    return true;
  }
  std::vector<int64_t> values;
  while (!text.Is(']')) {
    if (!values.empty() && !text.Is(',')) return false;
    if (!text.Integer(value)) return false;
    values.push_back(value);
  }
  AddNumber(static_cast<int64_t>(values.size()), bytes);
  for (int64_t v : values) AddNumber(v, bytes);
  return true;
}

std::optional<std::string> Packed(Text text) {
  std::string bytes;
  if (!text.Is('[')) return std::nullopt;
  for (int64_t last = 0, index = 0; !text.Is(']'); last = index) {
    if (!bytes.empty() && !text.Is(',')) return std::nullopt;
    if (!text.Is('[') || !text.Integer(index) || !text.Is(',')) return std::nullopt;
    if (index < 0 || index > INT32_MAX) return std::nullopt;
    AddNumber(index - last, bytes);
    if (!TakeDecision(text, bytes) || !text.Is(']')) return std::nullopt;
  }
  if (!text.ended()) return std::nullopt;
  return bytes;
}

}  // namespace

std::optional<std::string> PackDecisions(std::string_view decisions_json) {
  std::optional<std::string> packed = Packed(Text(decisions_json));
  // 007 and the like: what is not spelled as we spell it stays text.
  if (!packed || UnpackDecisions(*packed) != decisions_json) return std::nullopt;
  return packed;
}

bool AppendUnpackedDecisions(std::string_view packed, std::string* text) {
  *text += '[';
  bool first = true;
  for (int64_t index = 0; !packed.empty(); first = false) {
    int64_t step = 0, count = 0, value = 0;
    if (!TakeNumber(packed, step) || !TakeNumber(packed, count)) return false;
    if (step < -INT32_MAX || step > INT32_MAX || count < -1 || count > static_cast<int64_t>(packed.size())) {
      return false;
    }
    index += step;
    *text += first ? "[" : ",[";
    AppendText(index, text);
    *text += count < 0 ? "," : ",[";
    for (int64_t i = 0; i < (count < 0 ? 1 : count); ++i) {
      if (!TakeNumber(packed, value)) return false;
      if (i > 0) *text += ',';
      AppendText(value, text);
    }
    *text += count < 0 ? "]" : "]]";
  }
  *text += ']';
  return true;
}

std::optional<std::string> UnpackDecisions(std::string_view packed) {
  std::string text;
  if (!AppendUnpackedDecisions(packed, &text)) return std::nullopt;
  return text;
}

}  // namespace hone
