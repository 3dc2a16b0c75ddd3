#include "common/record/json_scan.h"

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

absl::StatusOr<size_t> SkipString(std::string_view text, size_t at) {
  for (++at; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      return at + 1;
    }
  }
  return Unexpected(text, text.size(), "the end of a string");
}

// One past the literal or number at `at`.
absl::StatusOr<size_t> SkipScalar(std::string_view text, size_t at) {
  size_t end = at;
  while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) || text[end] == '-' ||
                               text[end] == '+' || text[end] == '.')) {
    ++end;
  }
  std::string_view word = text.substr(at, end - at);
  if (word == "null" || word == "true" || word == "false") return end;
  if (!ParseJsonNumber(word).ok()) return Unexpected(text, at, "a value");
  return end;
}

// Walks a nested value with a stack of its own: the closers that are owed.
class Walker {
 public:
  explicit Walker(std::string_view text) : text_(text) {}

  absl::StatusOr<size_t> Skip(size_t at) {
    do {
      HONE_RETURN_IF_ERROR(Step(at));
      at = next_;
    } while (!owed_.empty());
    return at;
  }

 private:
  absl::Status Step(size_t at) {
    at = SkipBlanks(text_, at);
    if (at >= text_.size()) return Unexpected(text_, at, "a value");
    char c = text_[at];
    if (!owed_.empty() && c == owed_.back()) return Close(at);
    if (needs_comma_) return Comma(at);
    if (c == '[' || c == '{') return Open(at);
    absl::StatusOr<size_t> end = c == '"' ? SkipString(text_, at) : SkipScalar(text_, at);
    HONE_RETURN_IF_ERROR(end.status());
    return Ended(*end, /*is_string=*/c == '"');
  }

  absl::Status Open(size_t at) {
    if (expect_key_) return Unexpected(text_, at, "a key");
    if (owed_.size() >= kMaxJsonDepth) {
      return absl::InvalidArgumentError(StrCat("JSON is nested deeper than ", kMaxJsonDepth));
    }
    owed_.push_back(text_[at] == '[' ? ']' : '}');
    expect_key_ = text_[at] == '{';
    next_ = at + 1;
    return absl::OkStatus();
  }

  absl::Status Close(size_t at) {
    owed_.pop_back();
    expect_key_ = false;
    needs_comma_ = true;
    next_ = at + 1;
    return absl::OkStatus();
  }

  absl::Status Comma(size_t at) {
    if (text_[at] != ',') return Unexpected(text_, at, "',' or the end of a list");
    needs_comma_ = false;
    expect_key_ = owed_.back() == '}';
    next_ = at + 1;
    return absl::OkStatus();
  }

  absl::Status Ended(size_t end, bool is_string) {
    next_ = end;
    if (!expect_key_) {
      needs_comma_ = true;
      return absl::OkStatus();
    }
    if (!is_string) return Unexpected(text_, end, "a string as key");
    end = SkipBlanks(text_, end);
    if (end >= text_.size() || text_[end] != ':') return Unexpected(text_, end, "':'");
    expect_key_ = false;
    next_ = end + 1;
    return absl::OkStatus();
  }

  std::string_view text_;
  std::string owed_;
  bool needs_comma_ = false;
  bool expect_key_ = false;
  size_t next_ = 0;
};

}  // namespace

absl::StatusOr<size_t> SkipJsonValue(std::string_view text, size_t begin) { return Walker(text).Skip(begin); }

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
