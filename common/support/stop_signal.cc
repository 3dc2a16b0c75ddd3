#include "common/support/stop_signal.h"

#include <signal.h>
#include <time.h>

namespace hone {
namespace {

sigset_t StopSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

void BlockStopSignals() {
  sigset_t set = StopSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

bool WaitForStopSignal(absl::Duration wait) {
  sigset_t set = StopSignals();
  timespec limit = absl::ToTimespec(wait);
  return sigtimedwait(&set, nullptr, &limit) > 0;
}

}  // namespace hone
