#include "client/cli/interrupt.h"

#include <signal.h>
#include <unistd.h>

namespace hone::cli {
namespace {

std::atomic<bool> interrupted{false};

void OnSignal(int) {
  if (interrupted.exchange(true)) _exit(130);
}

}  // namespace

const std::atomic<bool>& CatchInterrupt() {
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return interrupted;
}

}  // namespace hone::cli
