// Reads the Python-like form of traces.
#pragma once

#include <string>
#include <string_view>
#include <vector>

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

// ---- single calls, for schedules that are driven by Python

// A parameter of a method in Python; `sch` is not among them.
struct PythonParameter {
  std::string name;
  bool variadic = false;  // Takes all positional arguments.
  std::string fallback;   // The default as Python text; empty when the argument must be given.
};
std::vector<PythonParameter> PythonParametersOf(const InstructionRow& row);

// Calls one method of `schedule`, as in `sch.split(loop=l3, factors=[v4, None])`: the random variables of the schedule
// are named by their kind (b, l, v) and id. The results in order. InvalidArgument as TraceFromPython; other errors are
// those of the method, after DescribeError.
absl::StatusOr<RvList> CallFromPython(Schedule& schedule, std::string_view call);

}  // namespace hone::schedule
