// A failure kind carried by an absl::Status, for code whose errors become failures of candidates.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "common/measure/failure.h"

namespace hone {

// `status` (not OK) marked as a failure of `kind`; one that is marked already keeps its mark.
absl::Status WithFailureKind(absl::Status status, FailureKind kind);

// The mark of `status` with its message; `otherwise` where there is none.
Failure FailureOfStatus(const absl::Status& status, FailureKind otherwise);

}  // namespace hone
