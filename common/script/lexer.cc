#include "common/script/lexer.h"

#include <iterator>
#include <string>

#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::script {
namespace {

constexpr int kTabStop = 8;
constexpr size_t kMaxIndents = 200;

bool IsNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNamePart(char c) { return IsNameStart(c) || IsDigit(c); }
bool IsHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
int HexValue(char c) {
  if (IsDigit(c)) return c - '0';
  return (c | 0x20) - 'a' + 10;
}

// Longest first.
constexpr std::string_view kOps[] = {
    "**=", "//=", ">>=", "<<=", "...", "**", "//", ">>", "<<", "<=", ">=", "==", "!=", "->", "+=", "-=",
    "*=",  "/=",  "%=",  "&=",  "|=",  "^=", "@=", ":=", "+",  "-",  "*",  "/",  "%",  "@",  "&",  "|",
    "^",   "~",   "<",   ">",   "(",   ")",  "[",  "]",  "{",  "}",  ",",  ":",  ".",  ";",  "="};

void AppendUtf8(uint32_t code, std::string& out) {
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out.push_back(static_cast<char>(0xC0 | (code >> 6)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else if (code < 0x10000) {
    out.push_back(static_cast<char>(0xE0 | (code >> 12)));
    out.push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else {
    out.push_back(static_cast<char>(0xF0 | ((code >> 18) & 0x07)));
    out.push_back(static_cast<char>(0x80 | ((code >> 12) & 0x3F)));
    out.push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  }
}

class Lexer {
 public:
  Lexer(const Source& source, ir::Arena& arena, size_t max_tokens)
      : source_(source), text_(source.text()), arena_(arena), max_tokens_(max_tokens) {}

  absl::StatusOr<std::vector<Token>> Run();

 private:
  char Peek(size_t ahead = 0) const { return next_ + ahead < text_.size() ? text_[next_ + ahead] : '\0'; }
  bool AtEnd() const { return next_ >= text_.size(); }
  Position Here() const { return {line_, static_cast<int>(next_ - line_begin_) + 1}; }
  void Advance(size_t bytes) { next_ += bytes; }
  void NewLine() {
    ++next_;
    ++line_;
    line_begin_ = next_;
  }
  absl::Status Push(TokenKind kind, Position at, std::string_view text) {
    if (tokens_.size() >= max_tokens_) {
      return source_.Error(at, StrCat("the text has more than ", max_tokens_, " tokens, the limit"));
    }
    tokens_.push_back(Token{kind, at, text});
    return absl::OkStatus();
  }

  absl::Status IndentLine();
  absl::Status One();
  absl::Status Name();
  absl::Status Number();
  absl::Status String(size_t prefix_bytes, bool raw);
  absl::Status Escape(bool raw, std::string& out);
  absl::Status Op();

  const Source& source_;
  const std::string_view text_;
  ir::Arena& arena_;
  const size_t max_tokens_;
  std::vector<Token> tokens_;
  std::vector<int> indents_ = {0};
  std::vector<Token> brackets_;
  size_t next_ = 0;
  size_t line_begin_ = 0;
  int line_ = 1;
  bool line_start_ = true;
};

absl::Status Lexer::IndentLine() {
  int column = 0;
  while (!AtEnd()) {
    const char c = Peek();
    if (c == ' ') {
      ++column;
    } else if (c == '\t') {
      column = (column / kTabStop + 1) * kTabStop;
    } else if (c == '\f' || c == '\r') {
      column = 0;
    } else {
      break;
    }
    Advance(1);
  }
  if (AtEnd() || Peek() == '\n' || Peek() == '#') return absl::OkStatus();  // Blank: no indentation counts.
  line_start_ = false;
  if (column > indents_.back()) {
    if (indents_.size() >= kMaxIndents) {
      return source_.Error(Here(), StrCat("statements are nested more than ", kMaxIndents, " deep, the limit"));
    }
    indents_.push_back(column);
    return Push(TokenKind::kIndent, Here(), {});
  }
  while (column < indents_.back()) {
    indents_.pop_back();
    HONE_RETURN_IF_ERROR(Push(TokenKind::kDedent, Here(), {}));
  }
  if (column != indents_.back()) {
    return source_.Error(Here(), "the indentation matches no enclosing block");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Token>> Lexer::Run() {
  tokens_.reserve(text_.size() / 4 + 16);
  if (text_.substr(0, 3) == "\xEF\xBB\xBF") Advance(3);
  while (true) {
    if (line_start_ && brackets_.empty()) HONE_RETURN_IF_ERROR(IndentLine());
    if (AtEnd()) break;
    HONE_RETURN_IF_ERROR(One());
  }
  if (!brackets_.empty()) {
    return source_.Error(brackets_.back().at, StrCat("'", brackets_.back().text, "' is never closed"));
  }
  const Position end = Here();
  if (!tokens_.empty() && tokens_.back().kind != TokenKind::kNewline) {
    HONE_RETURN_IF_ERROR(Push(TokenKind::kNewline, end, {}));
  }
  for (; indents_.size() > 1; indents_.pop_back()) HONE_RETURN_IF_ERROR(Push(TokenKind::kDedent, end, {}));
  tokens_.push_back(Token{TokenKind::kEnd, end, {}});
  return std::move(tokens_);
}

absl::Status Lexer::One() {
  const char c = Peek();
  if (c == ' ' || c == '\t' || c == '\f' || c == '\r') {
    Advance(1);
    return absl::OkStatus();
  }
  if (c == '#') {
    while (!AtEnd() && Peek() != '\n') Advance(1);
    return absl::OkStatus();
  }
  if (c == '\n') {
    const Position at = Here();
    const bool ends = brackets_.empty() && !line_start_;
    NewLine();
    if (brackets_.empty()) line_start_ = true;
    return ends ? Push(TokenKind::kNewline, at, {}) : absl::OkStatus();
  }
  if (c == '\\' && (Peek(1) == '\n' || (Peek(1) == '\r' && Peek(2) == '\n'))) {
    Advance(Peek(1) == '\r' ? 2 : 1);
    NewLine();
    return absl::OkStatus();
  }
  if (c == '"' || c == '\'') return String(0, false);
  if (IsNameStart(c)) return Name();
  if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)))) return Number();
  return Op();
}

absl::Status Lexer::Name() {
  const Position at = Here();
  size_t bytes = 1;
  while (IsNamePart(Peek(bytes))) ++bytes;
  const std::string_view text = text_.substr(next_, bytes);
  if (bytes <= 2 && (Peek(bytes) == '"' || Peek(bytes) == '\'')) {
    bool raw = false;
    for (const char c : text) {
      const char lower = static_cast<char>(c | 0x20);
      if (lower == 'f') return source_.Error(at, "formatted strings are not supported");
      raw = raw || lower == 'r';
    }
    return String(bytes, raw);
  }
  Advance(bytes);
  return Push(TokenKind::kName, at, text);
}

absl::Status Lexer::Number() {
  const Position at = Here();
  size_t bytes = 0;
  bool is_float = false;
  if (Peek() == '0' &&
      (Peek(1) == 'x' || Peek(1) == 'X' || Peek(1) == 'b' || Peek(1) == 'B' || Peek(1) == 'o' || Peek(1) == 'O')) {
    bytes = 2;
    while (IsHex(Peek(bytes)) || Peek(bytes) == '_') ++bytes;
  } else {
    auto digits = [&] {
      while (IsDigit(Peek(bytes)) || Peek(bytes) == '_') ++bytes;
    };
    digits();
    if (Peek(bytes) == '.') {
      is_float = true;
      ++bytes;
      digits();
    }
    if (Peek(bytes) == 'e' || Peek(bytes) == 'E') {
      const size_t sign = Peek(bytes + 1) == '+' || Peek(bytes + 1) == '-' ? 1 : 0;
      if (IsDigit(Peek(bytes + 1 + sign))) {
        is_float = true;
        bytes += 1 + sign;
        digits();
      }
    }
  }
  if (IsNamePart(Peek(bytes))) return source_.Error(at, "not a number: a letter follows its digits");
  const std::string_view text = text_.substr(next_, bytes);
  Advance(bytes);
  return Push(is_float ? TokenKind::kFloat : TokenKind::kInt, at, text);
}

absl::Status Lexer::Escape(bool raw, std::string& out) {
  const Position at = Here();
  const char c = Peek(1);
  if (raw) {
    out.push_back('\\');
    Advance(1);
    if (c == '\n') {
      out.push_back('\n');
      NewLine();
    } else if (!AtEnd()) {
      out.push_back(c);
      Advance(1);
    }
    return absl::OkStatus();
  }
  if (c == '\n') {
    Advance(1);
    NewLine();
    return absl::OkStatus();
  }
  if (c >= '0' && c <= '7') {
    int value = 0;
    size_t bytes = 1;
    while (bytes < 4 && Peek(bytes) >= '0' && Peek(bytes) <= '7') value = value * 8 + (Peek(bytes++) - '0');
    out.push_back(static_cast<char>(value));
    Advance(bytes);
    return absl::OkStatus();
  }
  if (c == 'x' || c == 'u' || c == 'U') {
    const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
    uint32_t value = 0;
    for (size_t i = 0; i < digits; ++i) {
      if (!IsHex(Peek(2 + i))) {
        return source_.Error(at, StrCat("the escape \\", std::string(1, c), " needs ", digits, " hex digits"));
      }
      value = value * 16 + static_cast<uint32_t>(HexValue(Peek(2 + i)));
    }
    // A byte, not a code point: the printer writes bytes outside of ASCII one by one.
    if (c == 'x') {
      out.push_back(static_cast<char>(value));
    } else {
      AppendUtf8(value > 0x10FFFF ? 0xFFFD : value, out);
    }
    Advance(2 + digits);
    return absl::OkStatus();
  }
  switch (c) {
    case 'n':
      out.push_back('\n');
      break;
    case 't':
      out.push_back('\t');
      break;
    case 'r':
      out.push_back('\r');
      break;
    case 'a':
      out.push_back('\a');
      break;
    case 'b':
      out.push_back('\b');
      break;
    case 'f':
      out.push_back('\f');
      break;
    case 'v':
      out.push_back('\v');
      break;
    case '\\':
    case '\'':
    case '"':
      out.push_back(c);
      break;
    default:
      out.push_back('\\');
      Advance(1);
      return absl::OkStatus();
  }
  Advance(2);
  return absl::OkStatus();
}

absl::Status Lexer::String(size_t prefix_bytes, bool raw) {
  const Position at = Here();
  Advance(prefix_bytes);
  const char quote = Peek();
  const bool triple = Peek(1) == quote && Peek(2) == quote;
  Advance(triple ? 3 : 1);
  std::string out;
  while (true) {
    const char c = Peek();
    if (AtEnd() || (c == '\n' && !triple)) return source_.Error(at, "the string is never closed");
    if (c == quote && (!triple || (Peek(1) == quote && Peek(2) == quote))) break;
    if (c == '\\') {
      HONE_RETURN_IF_ERROR(Escape(raw, out));
    } else if (c == '\n') {
      out.push_back(c);
      NewLine();
    } else {
      out.push_back(c);
      Advance(1);
    }
  }
  Advance(triple ? 3 : 1);
  return Push(TokenKind::kString, at, arena_.CopyString(out));
}

absl::Status Lexer::Op() {
  const Position at = Here();
  for (const std::string_view op : kOps) {
    if (text_.substr(next_, op.size()) != op) continue;
    if (op == "(" || op == "[" || op == "{") {
      brackets_.push_back(Token{TokenKind::kOp, at, op});
    } else if (op == ")" || op == "]" || op == "}") {
      const std::string_view open = op == ")" ? "(" : op == "]" ? "[" : "{";
      if (brackets_.empty() || brackets_.back().text != open) {
        return source_.Error(at, StrCat("'", op, "' closes no '", open, "'"));
      }
      brackets_.pop_back();
    }
    Advance(op.size());
    return Push(TokenKind::kOp, at, op);
  }
  return source_.Error(at, "this character begins no token");
}

}  // namespace

absl::StatusOr<std::vector<Token>> Tokenize(const Source& source, ir::Arena& arena, size_t max_tokens) {
  return Lexer(source, arena, max_tokens).Run();
}

}  // namespace hone::script
