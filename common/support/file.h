// Reads small files whole.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace hone {

// The bytes of the file. NotFound when there is none, FailedPrecondition when it cannot be read; either names the path
// and the reason.
absl::StatusOr<std::string> ReadFile(const std::string& path);

// The first line without its end, as of the files in /sys and /proc; empty when the file cannot be read.
std::string FirstLineOf(const std::string& path);

}  // namespace hone
