// Content ids as people write them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hone::cli {

std::string ToHex(std::string_view bytes);
// The first 12 digits: enough to name a record.
std::string ShortHex(std::string_view bytes);
// nullopt when it is not hexadecimal of even length.
std::optional<std::string> FromHex(std::string_view hex);

}  // namespace hone::cli
