// SIGINT and SIGTERM as something to wait for. Call BlockStopSignals before any thread is started, so that all inherit
// the mask; then wait in one thread.
#pragma once

#include "absl/time/time.h"

namespace hone {

void BlockStopSignals();
// True when one of the signals arrived within `wait`.
bool WaitForStopSignal(absl::Duration wait);

}  // namespace hone
