#include "common/record/trace_semantics.h"

#include "common/support/strings.h"

namespace hone {

absl::Status CheckTraceSemantics(const Revisions& revisions) {
  if (revisions.trace_semantics == 0 || revisions.trace_semantics == kTraceSemantics) return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat("trace semantics are of version ", revisions.trace_semantics,
                                           ", this build replays version ", kTraceSemantics,
                                           ": the trace would not become the program that was measured"));
}

}  // namespace hone
