// Splits a text into tokens with Python's rules for indentation, brackets, comments and strings.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "common/ir/arena.h"
#include "common/script/token.h"

namespace hone::script {

// Ends with kEnd after the closing kDedents. Decoded strings live in `arena`, all other text in the source.
// InvalidArgument for what is no token, unclosed brackets and strings, inconsistent indentation, and more than
// `max_tokens` tokens.
absl::StatusOr<std::vector<Token>> Tokenize(const Source& source, ir::Arena& arena, size_t max_tokens);

}  // namespace hone::script
