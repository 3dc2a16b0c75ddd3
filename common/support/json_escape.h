// Escapes in JSON strings.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hone {

// Reads the escape whose letter (behind the backslash) is text[*at], appends what it stands for, and moves *at behind
// it. Knows JSON's escapes, pairs of surrogates included, and the \xHH of TVM's writer, which stands for that byte.
// False, with *at and *out as they were, for anything else.
bool ReadJsonEscape(std::string_view text, size_t* at, std::string* out);

}  // namespace hone
