// TVMScript files as workloads.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/record/workload.h"

namespace hone::cli {

// Reads, parses and prints the program again: equal programs have equal text, whatever their files look like. Errors:
// NotFound; FailedPrecondition "FILE:LINE:COLUMN: message" with the line and a caret.
absl::StatusOr<Workload> LoadWorkload(const std::string& path);

// The same from text that is already in memory; `path` is for messages.
absl::StatusOr<Workload> WorkloadFromText(const std::string& path, std::string_view text);

}  // namespace hone::cli
