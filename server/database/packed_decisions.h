// Decisions of a trace in half the space of their JSON: [[instruction, decision], ...], each decision an integer or a
// list of integers.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hone {

// Nothing for a text that would not come back as it was: blanks, numbers beyond 63 bits, other values, another order.
std::optional<std::string> PackDecisions(std::string_view decisions_json);
// Nothing for bytes that PackDecisions did not write.
std::optional<std::string> UnpackDecisions(std::string_view packed);
// The same behind what `text` has already; false for other bytes, and `text` then ends anyhow.
bool AppendUnpackedDecisions(std::string_view packed, std::string* text);

}  // namespace hone
