// Reads the Python-like form of traces.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "common/schedule/trace.h"

namespace hone::schedule {

// Statements as Trace::AsPython gives them, or the whole function of Trace::ToString. Arguments may be given by name or
// by position and, where the method has a default, left out. What the form does not tell is guessed as the peer's
// Python would have it: variables of index maps are int32, and texts inside of a dict stand without quotes.
// InvalidArgument with line, column, a caret and what was expected. Nothing of the text is kept.
absl::StatusOr<Trace> TraceFromPython(std::string_view text);

// Either form: JSON when the text starts with a bracket.
absl::StatusOr<Trace> TraceFromText(std::string_view text);

}  // namespace hone::schedule
