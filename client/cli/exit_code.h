// How a command of `hone` ends.
#pragma once

#include "absl/status/status.h"
#include "common/support/exit_code.h"

namespace hone::cli {

// Prints "hone: MESSAGE" on stderr and returns the exit code; prints nothing and returns 0 for OK.
int Report(const absl::Status& status);

}  // namespace hone::cli
