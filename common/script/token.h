// Tokens of the Python subset in which TVMScript is written.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/script/source.h"

namespace hone::script {

enum class TokenKind : uint8_t { kName, kInt, kFloat, kString, kOp, kNewline, kIndent, kDedent, kEnd };

struct Token {
  TokenKind kind = TokenKind::kEnd;
  Position at;
  // kName, kInt, kFloat, kOp: as written. kString: decoded.
  std::string_view text;

  bool Is(std::string_view op) const { return kind == TokenKind::kOp && text == op; }
  bool IsWord(std::string_view word) const { return kind == TokenKind::kName && text == word; }
};

}  // namespace hone::script
