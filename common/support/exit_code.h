// What the exit status of Hone's programs says.
#pragma once

#include "absl/status/status.h"

namespace hone {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitNotFound = 3;
inline constexpr int kExitNotAllowed = 4;
inline constexpr int kExitUnavailable = 5;    // Unreachable, or out of time.
inline constexpr int kExitInterrupted = 130;  // By Ctrl-C, with nothing lost.

int ExitCodeOf(const absl::Status& status);

}  // namespace hone
