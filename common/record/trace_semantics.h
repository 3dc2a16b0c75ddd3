// What replaying a trace means, as a number that grows when a trace would become another program than before.
#pragma once

#include "absl/status/status.h"
#include "common/record/tuning_record.h"

namespace hone {

constexpr uint32_t kTraceSemantics = 1;  // Of this build.

// InvalidArgument for traces that this build would replay to another program than the one they stand for. Revisions
// that do not say it are accepted: TVM's records, whose semantics ours are.
absl::Status CheckTraceSemantics(const Revisions& revisions);

}  // namespace hone
