// Whole files, small ones.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace hone::cli {

// "-" is standard input. NotFound when there is no such file, FailedPrecondition when it cannot be read.
absl::StatusOr<std::string> ReadInput(const std::string& path);

// Replaces the file as a whole: a reader sees the old text or the new. "-" is standard output.
absl::Status WriteFile(const std::string& path, std::string_view text);

}  // namespace hone::cli
