// JSON text to values and back, in the two dialects that traces use.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/schedule/value.h"

namespace hone::schedule {

// Parses one JSON value into the current arena: null is None; a number without '.', 'e' or 'E' is an integer; objects
// become maps in the order of the text. Accepts trailing commas and any white space, as the peer's reader does, and
// besides \u and the \xHH that its writer writes. InvalidArgument with the position otherwise; nesting is limited.
absl::StatusOr<Value> ParseJson(std::string_view text);

// Appends the text of a value without RVs, index maps or expressions: no spaces, keys sorted, floats with 20
// significant digits, bytes outside of printable ASCII as \xHH (the peer's database files) or, with `standard_escapes`,
// as UTF-8 and \u escapes. With `python_floats` a whole float has a point, as Python writes it.
struct JsonStyle {
  bool standard_escapes = true;
  bool python_floats = false;
};
void AppendJson(const Value& value, const JsonStyle& style, std::string* out);
void AppendJsonString(std::string_view text, bool standard_escapes, std::string* out);
// 20 significant digits in %g style.
void AppendJsonFloat(double value, std::string* out);

}  // namespace hone::schedule
