#include "common/support/json_escape.h"

#include <charconv>
#include <cstdint>

namespace hone {
namespace {

// The number of `digits` hexadecimal digits at `at`; -1 when they are not there.
int64_t Hex(std::string_view text, size_t at, size_t digits) {
  uint32_t value = 0;
  if (at > text.size() || text.size() - at < digits) return -1;
  const char* begin = text.data() + at;
  const auto [end, error] = std::from_chars(begin, begin + digits, value, 16);
  return error == std::errc() && end == begin + digits ? static_cast<int64_t>(value) : -1;
}

void AppendUtf8(uint32_t code, std::string* out) {
  if (code < 0x80) {
    out->push_back(static_cast<char>(code));
    return;
  }
  const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  const uint32_t lead = more == 1 ? 0xC0 : more == 2 ? 0xE0 : 0xF0;
  out->push_back(static_cast<char>(lead | code >> (6 * more)));
  for (int i = more - 1; i >= 0; --i) out->push_back(static_cast<char>(0x80 | (code >> (6 * i) & 0x3F)));
}

}  // namespace

bool ReadJsonEscape(std::string_view text, size_t* at, std::string* out) {
  if (*at >= text.size()) return false;
  static constexpr std::string_view kFrom = "\"\\/bfnrt";
  static constexpr std::string_view kTo = "\"\\/\b\f\n\r\t";
  const char letter = text[*at];
  if (const size_t which = kFrom.find(letter); which != std::string_view::npos) {
    out->push_back(kTo[which]);
    *at += 1;
    return true;
  }
  const int64_t code = Hex(text, *at + 1, letter == 'u' ? 4 : 2);
  if (code < 0 || (letter != 'u' && letter != 'x')) return false;
  if (letter == 'x') {
    out->push_back(static_cast<char>(code));
    *at += 3;
    return true;
  }
  *at += 5;
  if (code >= 0xD800 && code < 0xDC00 && text.substr(*at, 2) == "\\u") {
    const int64_t low = Hex(text, *at + 2, 4);
    if (low >= 0xDC00 && low < 0xE000) {
      AppendUtf8(static_cast<uint32_t>(0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)), out);
      *at += 6;
      return true;
    }
  }
  AppendUtf8(static_cast<uint32_t>(code), out);
  return true;
}

}  // namespace hone
