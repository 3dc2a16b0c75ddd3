// Whether a record still means what it says.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "hone/v1/records.pb.h"

namespace hone::cli {

// Builds the kernel twice in processes of their own and compares the objects byte by byte, measures it here as tuning
// does, and sets the time beside the recorded one. A report for people. FailedPrecondition when the objects differ, or
// when the kernel does not build or run any more.
absl::StatusOr<std::string> ReproduceRecord(const v1::Match& match);

}  // namespace hone::cli
