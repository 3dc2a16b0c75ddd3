// Keeps local compilers and searches off the CPUs while a kernel is timed, on hosts where the measuring CPUs are all
// there are. Processes that may be paused register; a timed section stops them and lets them go on afterwards. One lock
// for all processes of a user on a host.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace hone {

// Thread-safe. Lives as long as the process.
class TimingLock {
 public:
  // Opens (or creates) `path`. Unavailable when that cannot be done; then nothing is ever paused.
  static absl::StatusOr<std::unique_ptr<TimingLock>> Open(const std::string& path);
  // Of this host and user: $HONE_RUNTIME_DIR or /tmp, file hone-timing-UID. Null when it cannot be opened (logged
  // once).
  static TimingLock* Host();
  ~TimingLock();

  // Lets timed sections stop `pid`, a process of this user, until it ends or is unregistered.
  void Register(pid_t pid);
  void Unregister(pid_t pid);

  // Continues `pids` if nobody is in a timed section: whoever stopped them may have been killed meanwhile. To be called
  // now and then by those who wait for a registered process.
  void ContinueAbandoned(const std::vector<pid_t>& pids);

  // Waits until `child`, a registered child process of the caller, has ended and returns its status as waitpid does.
  // Continues it when whoever stopped it is gone. -1 when there is no such child.
  static int WaitForEnd(TimingLock* lock, pid_t child);

  // While it lives, registered processes are stopped and no other section exists on the host. Waits for other sections.
  class Section {
   public:
    explicit Section(TimingLock* lock);  // Does nothing when `lock` is null.
    ~Section();
    Section(const Section&) = delete;
    Section& operator=(const Section&) = delete;

   private:
    TimingLock* const lock_;
    int fd_ = -1;
    std::vector<pid_t> stopped_;
  };

 private:
  struct Table;
  TimingLock(std::string path, int fd, Table* table) : path_(std::move(path)), fd_(fd), table_(table) {}
  std::vector<pid_t> Registered() const;

  const std::string path_;
  const int fd_;
  Table* const table_;  // Shared by all processes.
};

}  // namespace hone
