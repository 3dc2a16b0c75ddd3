// The runner's side of the zygote: starts it, asks it for candidates, learns how they end.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "worker/runner/wire.h"

namespace hone::runner {

// How a process ended, as waitpid says, with its peak memory.
struct ProcessEnd {
  int status = 0;
  int64_t max_rss_kib = 0;
};

// One zygote and at most one candidate at a time. Not thread-safe. Its end (also by kill -9 of this process) ends all
// that it started.
class Zygote {
 public:
  static absl::StatusOr<std::unique_ptr<Zygote>> Start();
  ~Zygote();
  Zygote(const Zygote&) = delete;
  Zygote& operator=(const Zygote&) = delete;

  // The sandbox layers that hold for every candidate: "userns,netns,...".
  const std::string& layers() const { return layers_; }

  // Forks a candidate, which gets copies of `fds`. Unavailable when the zygote is gone.
  absl::StatusOr<uint64_t> Spawn(const int (&fds)[kSpawnFds]);
  // Kills the candidate if it still lives and waits until it is gone.
  absl::StatusOr<ProcessEnd> KillAndReap(uint64_t candidate);
  // Waits for the candidate to end by itself; DeadlineExceeded when it does not.
  absl::StatusOr<ProcessEnd> Reap(uint64_t candidate, absl::Time deadline);
  // CPU time of all threads of the candidate since it began, as the system counts it; Unavailable when it is gone.
  absl::StatusOr<absl::Duration> CpuTime(uint64_t candidate);

 private:
  Zygote(int control, pid_t pid) : control_(control), pid_(pid) {}
  absl::StatusOr<ControlMessage> Receive(absl::Time deadline);

  const int control_;
  const pid_t pid_;
  std::string layers_;
  uint64_t last_candidate_ = 0;
  std::optional<ControlMessage> early_exit_;  // Of the candidate, told before anybody waited for it.
};

}  // namespace hone::runner
