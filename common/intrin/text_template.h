// Programs as texts with $names to fill in: families of intrinsics differ in types, shapes and scopes only.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace hone {

// `text` with every $name replaced by its value. A name that is a prefix of another must come after it.
inline std::string Fill(std::string_view text,
                        std::initializer_list<std::pair<std::string_view, std::string_view>> values) {
  std::string out(text);
  for (const auto& [name, value] : values) {
    for (size_t at = out.find(name); at != std::string::npos; at = out.find(name, at + value.size())) {
      out.replace(at, name.size(), value);
    }
  }
  return out;
}

}  // namespace hone
