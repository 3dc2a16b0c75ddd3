// What the exit status of `hone` says (design: command line).
#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace hone::cli {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitNotFound = 3;
inline constexpr int kExitNotAllowed = 4;
inline constexpr int kExitUnavailable = 5;    // Unreachable, or out of time.
inline constexpr int kExitInterrupted = 130;  // By Ctrl-C, with nothing lost.

int ExitCodeOf(const absl::Status& status);

// Prints "hone: MESSAGE" on stderr and returns the exit code; prints nothing and returns 0 for OK.
int Report(const absl::Status& status);

}  // namespace hone::cli
