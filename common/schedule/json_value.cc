#include "common/schedule/json_value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <vector>

#include "common/support/json_escape.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

constexpr int kMaxDepth = 64;

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  absl::StatusOr<Value> Whole() {
    HONE_ASSIGN_OR_RETURN(const Value value, Parse(0));
    SkipSpace();
    if (at_ != text_.size()) return Error("expected the end of the text");
    return value;
  }

 private:
  absl::Status Error(std::string_view what) const {
    return absl::InvalidArgumentError(StrCat("JSON at offset ", at_, ": ", what));
  }
  void SkipSpace() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r')) {
      ++at_;
    }
  }
  bool Take(char c) {
    SkipSpace();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool TakeWord(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  absl::StatusOr<Value> Parse(int depth) {
    if (depth > kMaxDepth) return Error("nested too deeply");
    SkipSpace();
    if (at_ >= text_.size()) return Error("expected a value");
    const char c = text_[at_];
    if (c == '[') return ParseList(depth);
    if (c == '{') return ParseMap(depth);
    if (c == '"') {
      HONE_ASSIGN_OR_RETURN(const std::string_view text, ParseString());
      return Value::String(text);
    }
    if (TakeWord("null")) return Value::None();
    if (TakeWord("true")) return Value::Bool(true);
    if (TakeWord("false")) return Value::Bool(false);
    return ParseNumber();
  }

  absl::StatusOr<Value> ParseList(int depth) {
    ++at_;
    std::vector<Value> items;
    while (!Take(']')) {
      if (!items.empty() && !Take(',')) return Error("expected ',' or ']'");
      if (!items.empty() && Take(']')) break;
      HONE_ASSIGN_OR_RETURN(const Value item, Parse(depth + 1));
      items.push_back(item);
    }
    return Value::List(ir::MakeArray(items));
  }

  absl::StatusOr<Value> ParseMap(int depth) {
    ++at_;
    std::vector<ValueEntry> entries;
    while (!Take('}')) {
      if (!entries.empty() && !Take(',')) return Error("expected ',' or '}'");
      if (!entries.empty() && Take('}')) break;
      SkipSpace();
      HONE_ASSIGN_OR_RETURN(const std::string_view key, ParseString());
      if (!Take(':')) return Error("expected ':'");
      HONE_ASSIGN_OR_RETURN(const Value value, Parse(depth + 1));
      entries.push_back({key, value});
    }
    return Value::Map(ir::MakeArray(entries));
  }

  absl::StatusOr<Value> ParseNumber() {
    const size_t begin = at_;
    bool is_float = false;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '.' || c == 'e' || c == 'E') is_float = true;
      if (!(c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E' || (c >= '0' && c <= '9'))) break;
      ++at_;
    }
    const char* first = text_.data() + begin;
    const char* last = text_.data() + at_;
    if (!is_float) {
      int64_t value = 0;
      const auto [end, error] = std::from_chars(first, last, value);
      if (error == std::errc() && end == last && first != last) return Value::Int(value);
    } else {
      double value = 0;
      const auto [end, error] = std::from_chars(first, last, value);
      if (error == std::errc() && end == last) return Value::Float(value);
    }
    at_ = begin;
    return Error("expected a value");
  }

  absl::StatusOr<std::string_view> ParseString() {
    if (at_ >= text_.size() || text_[at_] != '"') return Error("expected a string");
    const size_t begin = ++at_;
    size_t end = text_.find_first_of("\"\\", begin);
    if (end == std::string_view::npos) return Error("unterminated string");
    if (text_[end] == '"') {
      at_ = end + 1;
      return ir::CopyString(text_.substr(begin, end - begin));
    }
    std::string out(text_.substr(begin, end - begin));
    at_ = end;
    while (true) {
      if (at_ >= text_.size()) return Error("unterminated string");
      const char c = text_[at_++];
      if (c == '"') return ir::CopyString(out);
      if (c != '\\') {
        out.push_back(c);
        continue;
      }
      if (!ReadJsonEscape(text_, &at_, &out)) return Error("unknown escape");
    }
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

absl::StatusOr<Value> ParseJson(std::string_view text) { return Parser(text).Whole(); }

void AppendJsonFloat(double value, std::string* out) {
  char buffer[64];
  const int size = std::snprintf(buffer, sizeof(buffer), "%.20g", value);
  out->append(buffer, static_cast<size_t>(size));
}

void AppendJsonString(std::string_view text, bool standard_escapes, std::string* out) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  out->push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '"':
        *out += "\\\"";
        break;
      case '\\':
        *out += "\\\\";
        break;
      case '\t':
        *out += "\\t";
        break;
      case '\r':
        *out += "\\r";
        break;
      case '\n':
        *out += "\\n";
        break;
      default:
        if (byte >= 0x20 && byte <= 0x7E) {
          out->push_back(c);
        } else if (!standard_escapes) {
          *out += "\\x";
          out->push_back(kHex[byte >> 4]);
          out->push_back(kHex[byte & 15]);
        } else if (byte >= 0x80) {
          out->push_back(c);
        } else {
          *out += "\\u00";
          out->push_back(kHex[byte >> 4]);
          out->push_back(kHex[byte & 15]);
        }
    }
  }
  out->push_back('"');
}

void AppendJson(const Value& value, const JsonStyle& style, std::string* out) {
  switch (value.kind()) {
    case Value::Kind::kInt:
      StrAppend(out, value.integer());
      return;
    case Value::Kind::kBool:
      *out += value.integer() != 0 ? "true" : "false";
      return;
    case Value::Kind::kFloat:
      AppendJsonFloat(value.number(), out);
      if (style.python_floats && std::isfinite(value.number()) && std::trunc(value.number()) == value.number() &&
          std::fabs(value.number()) < 1e16) {
        *out += ".0";
      }
      return;
    case Value::Kind::kString:
      AppendJsonString(value.text(), style.standard_escapes, out);
      return;
    case Value::Kind::kList:
      out->push_back('[');
      for (size_t i = 0; i < value.list().size(); ++i) {
        if (i > 0) out->push_back(',');
        AppendJson(value.list()[i], style, out);
      }
      out->push_back(']');
      return;
    case Value::Kind::kMap: {
      std::vector<ValueEntry> entries = value.map().ToVector();
      std::stable_sort(entries.begin(), entries.end(),
                       [](const ValueEntry& a, const ValueEntry& b) { return a.key < b.key; });
      out->push_back('{');
      for (size_t i = 0; i < entries.size(); ++i) {
        if (i > 0) out->push_back(',');
        AppendJsonString(entries[i].key, style.standard_escapes, out);
        out->push_back(':');
        AppendJson(entries[i].value, style, out);
      }
      out->push_back('}');
      return;
    }
    case Value::Kind::kNone:
    case Value::Kind::kRv:
    case Value::Kind::kIndexMap:
    case Value::Kind::kExpr:
      *out += "null";
      return;
  }
}

}  // namespace hone::schedule
