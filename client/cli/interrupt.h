// Ctrl-C and SIGTERM as a flag that long work looks at.
#pragma once

#include <atomic>

namespace hone::cli {

// From now on the first SIGINT or SIGTERM sets the flag that this returns, and the second ends the process at once with
// status 130. Idempotent.
const std::atomic<bool>& CatchInterrupt();

}  // namespace hone::cli
