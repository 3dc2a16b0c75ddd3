// String literals of a script.
#pragma once

#include <string>
#include <string_view>

namespace hone::script {

// Double-quoted, with the escapes \" \\ \n \t \r and \xHH for every other byte outside of printable ASCII.
std::string Quoted(std::string_view text);

}  // namespace hone::script
