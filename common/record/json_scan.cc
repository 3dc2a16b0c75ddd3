#include "common/record/json_scan.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "common/support/json_escape.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

size_t SkipBlanks(std::string_view text, size_t at) {
  while (at < text.size() && IsBlank(text[at])) ++at;
  return at;
}

absl::Status Unexpected(std::string_view text, size_t at, std::string_view expected) {
  if (at >= text.size()) return absl::InvalidArgumentError(StrCat("JSON ends at offset ", at, ", expected ", expected));
  return absl::InvalidArgumentError(
      StrCat("JSON has '", text.substr(at, 1), "' at offset ", at, ", expected ", expected));
}

// What a byte can begin, or be within a number or literal.
enum ByteKind : uint8_t { kOther, kBlank, kWord, kQuote, kOpen, kCloser, kComma };

constexpr std::array<uint8_t, 256> MakeKinds() {
  std::array<uint8_t, 256> kinds{};
  for (int c = '0'; c <= '9'; ++c) kinds[c] = kWord;
  for (int c = 'a'; c <= 'z'; ++c) kinds[c] = kinds[c - 'a' + 'A'] = kWord;
  kinds['-'] = kinds['+'] = kinds['.'] = kWord;
  kinds[' '] = kinds['\t'] = kinds['\n'] = kinds['\r'] = kBlank;
  kinds['"'] = kQuote;
  kinds['['] = kinds['{'] = kOpen;
  kinds[']'] = kinds['}'] = kCloser;
  kinds[','] = kComma;
  return kinds;
}
constexpr std::array<uint8_t, 256> kKinds = MakeKinds();

ByteKind KindAt(std::string_view text, size_t at) {
  return static_cast<ByteKind>(kKinds[static_cast<unsigned char>(text[at])]);
}

// One past the string at `at`, or npos when it does not end.
size_t EndOfString(std::string_view text, size_t at) {
  for (++at; at < text.size(); ++at) {
    if (text[at] == '"') return at + 1;
    at += text[at] == '\\';
  }
  return std::string_view::npos;
}

bool IsDigits(std::string_view word) {
  for (char c : word) {
    if (c < '0' || c > '9') return false;
  }
  return !word.empty();
}

// One past the literal or number at `at`, or npos when it is none.
size_t EndOfWord(std::string_view text, size_t at) {
  size_t end = at;
  while (end < text.size() && KindAt(text, end) == kWord) ++end;
  std::string_view word = text.substr(at, end - at);
  bool good = (word.size() < 18 && IsDigits(word)) || word == "null" || word == "true" || word == "false" ||
              ParseJsonNumber(word).ok();
  return good ? end : std::string_view::npos;
}

}  // namespace

// A machine over bytes: `owed` holds the closers of what is open, innermost last. Traces are megabytes of short strings
// and brackets, so that a step is a table and a few comparisons, and allocates nothing.
absl::StatusOr<size_t> SkipJsonValue(std::string_view text, size_t at) {
  char owed[kMaxJsonDepth];
  int depth = 0;
  bool needs_comma = false, expects_key = false;
  do {
    while (at < text.size() && KindAt(text, at) == kBlank) ++at;
    if (at >= text.size()) return Unexpected(text, at, "a value");
    const ByteKind kind = KindAt(text, at);
    if (kind == kCloser && depth > 0 && text[at] == owed[depth - 1]) {
      --depth;
      ++at;
      expects_key = false;
      needs_comma = true;
      continue;
    }
    if (needs_comma) {
      if (kind != kComma) return Unexpected(text, at, "',' or the end of a list");
      needs_comma = false;
      expects_key = owed[depth - 1] == '}';
      ++at;
      continue;
    }
    if (kind == kOpen) {
      if (expects_key) return Unexpected(text, at, "a key");
      if (depth >= kMaxJsonDepth) {
        return absl::InvalidArgumentError(StrCat("JSON is nested deeper than ", kMaxJsonDepth));
      }
      expects_key = text[at] == '{';
      owed[depth++] = expects_key ? '}' : ']';
      ++at;
      continue;
    }
    const size_t end = kind == kQuote ? EndOfString(text, at) : EndOfWord(text, at);
    if (end == std::string_view::npos) {
      return kind == kQuote ? Unexpected(text, text.size(), "the end of a string") : Unexpected(text, at, "a value");
    }
    at = end;
    needs_comma = !expects_key;
    if (!expects_key) continue;
    if (kind != kQuote) return Unexpected(text, at, "a string as key");
    at = SkipBlanks(text, at);
    if (at >= text.size() || text[at] != ':') return Unexpected(text, at, "':'");
    expects_key = false;
    ++at;
  } while (depth > 0);
  return at;
}

absl::StatusOr<std::vector<std::string_view>> SplitJsonArray(std::string_view text) {
  size_t at = SkipBlanks(text, 0);
  if (at >= text.size() || text[at] != '[') return Unexpected(text, at, "'['");
  std::vector<std::string_view> elements;
  at = SkipBlanks(text, at + 1);
  while (at < text.size() && text[at] != ']') {
    HONE_ASSIGN_OR_RETURN(size_t end, SkipJsonValue(text, at));
    elements.push_back(text.substr(at, end - at));
    at = SkipBlanks(text, end);
    if (at < text.size() && text[at] == ',') {
      at = SkipBlanks(text, at + 1);
    } else if (at >= text.size() || text[at] != ']') {
      return Unexpected(text, at, "',' or ']'");
    }
  }
  if (at >= text.size()) return Unexpected(text, at, "']'");
  at = SkipBlanks(text, at + 1);
  if (at != text.size()) return Unexpected(text, at, "the end of the line");
  return elements;
}

absl::StatusOr<double> ParseJsonNumber(std::string_view text) {
  if (text == "inf") return INFINITY;
  if (text == "-inf") return -INFINITY;
  if (text == "nan") return NAN;
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  bool starts_well = !text.empty() && (std::isdigit(static_cast<unsigned char>(text[0])) || text[0] == '-');
  if (error != std::errc() || end != text.data() + text.size() || !starts_well || !std::isfinite(value)) {
    return absl::InvalidArgumentError(StrCat("\"", text.substr(0, 40), "\" is not a number"));
  }
  return value;
}

absl::StatusOr<int64_t> ParseJsonInteger(std::string_view text) {
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return absl::InvalidArgumentError(StrCat("\"", text.substr(0, 40), "\" is not an integer"));
  }
  return value;
}

absl::StatusOr<std::string> ParseJsonString(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') {
    return absl::InvalidArgumentError(StrCat("\"", text.substr(0, 40), "\" is not a string"));
  }
  const std::string_view inner = text.substr(1, text.size() - 2);
  std::string value;
  size_t at = 0;
  while (at < inner.size()) {
    const char c = inner[at++];
    if (c != '\\') {
      value += c;
    } else if (!ReadJsonEscape(inner, &at, &value)) {
      return absl::InvalidArgumentError("a string has an unknown escape");
    }
  }
  return value;
}

std::string TvmJsonNumber(double value) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.20g", value);
  return text;
}

std::string TvmJsonString(std::string_view value) {
  std::string text = "\"";
  for (unsigned char c : value) {
    char hex[8];
    switch (c) {
      case '"':
        text += "\\\"";
        break;
      case '\\':
        text += "\\\\";
        break;
      case '\n':
        text += "\\n";
        break;
      case '\t':
        text += "\\t";
        break;
      case '\r':
        text += "\\r";
        break;
      default:
        if (c >= 0x20 && c <= 0x7e) {
          text += static_cast<char>(c);
        } else {
          std::snprintf(hex, sizeof(hex), "\\x%02X", c);
          text += hex;
        }
    }
  }
  return text + "\"";
}

}  // namespace hone
