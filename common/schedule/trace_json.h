// Traces as TVM's JSON.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/schedule/trace.h"

namespace hone::schedule {

struct TraceJsonOptions {
  bool remove_postproc = false;
  // As Python shows what Trace.as_json() gives: booleans as 1 and 0, whole floats as 1.0; else true, false and 1, as
  // database files have them.
  bool python_objects = false;
  // Legal JSON strings; else bytes outside of printable ASCII as \xHH, as database files have them.
  bool standard_escapes = true;
};

// [instructions, decisions], compact, byte for byte what the peer writes with these options. InvalidArgument for a
// trace with a compound expression, or OutOfRange for one that uses a variable that no instruction of it put out.
absl::StatusOr<std::string> TraceToJson(const Trace& trace, const TraceJsonOptions& options = {});

// Reads either form of TraceJsonOptions. InvalidArgument names the instruction and what was expected.
absl::StatusOr<Trace> TraceFromJson(std::string_view json);

// Parses and applies. Errors name the instruction.
absl::Status ApplyTraceJson(Schedule& schedule, std::string_view trace_json);

// ---- the two halves of a trace: instructions without decisions, and the decisions

// A trace without its decisions.
Trace SkeletonOf(const Trace& trace);
// Replaces all decisions by those of [[index, decision], ...] (the second half of the JSON form).
absl::StatusOr<Trace> WithDecisions(const Trace& skeleton, std::string_view decisions_json);
// The second half of the JSON form.
std::string DecisionsToJson(const Trace& trace);

}  // namespace hone::schedule
