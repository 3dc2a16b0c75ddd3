#include "common/measure/timing_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "common/support/log.h"
#include "common/support/strings.h"

namespace hone {
namespace {

constexpr int kSlots = 1024;

// When `pid` started, in jiffies since boot: tells a process from a later one with its number. 0 when it is gone.
int64_t StartTime(pid_t pid) {
  FILE* file = std::fopen(StrCat("/proc/", pid, "/stat").c_str(), "re");
  if (file == nullptr) return 0;
  char text[1024];
  const size_t bytes = std::fread(text, 1, sizeof(text) - 1, file);
  std::fclose(file);
  text[bytes] = 0;
  const char* at = std::strrchr(text, ')');
  for (int field = 2; at != nullptr && field < 22; ++field) at = std::strchr(at + 1, ' ');
  return at == nullptr ? 0 : std::atoll(at + 1);
}

}  // namespace

struct TimingLock::Table {
  struct Slot {
    std::atomic<int32_t> pid;
    std::atomic<int64_t> start_time;
  };
  Slot slots[kSlots];
};

absl::StatusOr<std::unique_ptr<TimingLock>> TimingLock::Open(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return absl::UnavailableError(StrCat("cannot open ", path, ": ", std::strerror(errno)));
  // In a folder that all can write, somebody else may have put it there to have our processes stopped.
  struct stat owner;
  if (fstat(fd, &owner) != 0 || owner.st_uid != geteuid() || (owner.st_mode & 022) != 0) {
    close(fd);
    return absl::UnavailableError(StrCat(path, " belongs to another user or is writable by others"));
  }
  void* table = MAP_FAILED;
  if (ftruncate(fd, sizeof(Table)) == 0) {
    table = mmap(nullptr, sizeof(Table), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  if (table == MAP_FAILED) {
    close(fd);
    return absl::UnavailableError(StrCat("cannot map ", path, ": ", std::strerror(errno)));
  }
  return std::unique_ptr<TimingLock>(new TimingLock(path, fd, static_cast<Table*>(table)));
}

TimingLock* TimingLock::Host() {
  static TimingLock* const lock = []() -> TimingLock* {
    const char* folder = std::getenv("HONE_RUNTIME_DIR");
    auto opened = Open(StrCat(folder == nullptr ? "/tmp" : folder, "/hone-timing-", getuid()));
    if (opened.ok()) return opened->release();
    HONE_LOG(kWarning) << "timed sections do not pause local builds: " << opened.status().ToString();
    return nullptr;
  }();
  return lock;
}

TimingLock::~TimingLock() {
  munmap(table_, sizeof(Table));
  close(fd_);
}

void TimingLock::Register(pid_t pid) {
  for (Table::Slot& slot : table_->slots) {
    int32_t owner = slot.pid.load();
    const bool stale = owner != 0 && StartTime(owner) != slot.start_time.load();
    if ((owner == 0 || stale) && slot.pid.compare_exchange_strong(owner, pid)) {
      slot.start_time.store(StartTime(pid));
      return;
    }
  }
}

void TimingLock::Unregister(pid_t pid) {
  for (Table::Slot& slot : table_->slots) {
    int32_t owner = pid;
    if (slot.pid.compare_exchange_strong(owner, 0)) slot.start_time.store(0);
  }
}

std::vector<pid_t> TimingLock::Registered() const {
  std::vector<pid_t> pids;
  for (const Table::Slot& slot : table_->slots) {
    const pid_t pid = slot.pid.load();
    if (pid > 1 && StartTime(pid) != 0 && StartTime(pid) == slot.start_time.load()) pids.push_back(pid);
  }
  return pids;
}

void TimingLock::ContinueAbandoned(const std::vector<pid_t>& pids) {
  // Of this call alone: flock belongs to the open file.
  const int fd = open(path_.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
    for (pid_t pid : pids) kill(pid, SIGCONT);
  }
  close(fd);
}

int TimingLock::WaitForEnd(TimingLock* lock, pid_t child) {
  bool stopped = false;
  while (true) {
    int status = 0;
    const pid_t got = waitpid(child, &status, WUNTRACED | WCONTINUED | (stopped ? WNOHANG : 0));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) {
      // Still stopped: a sample lasts milliseconds, a whole section less than a second or two.
      usleep(100'000);
      if (lock != nullptr) lock->ContinueAbandoned({child});
      continue;
    }
    if (!WIFSTOPPED(status) && !WIFCONTINUED(status)) return status;
    stopped = WIFSTOPPED(status);
  }
}

TimingLock::Section::Section(TimingLock* lock) : lock_(lock) {
  if (lock_ == nullptr) return;
  fd_ = open(lock_->path_.c_str(), O_RDWR | O_CLOEXEC);
  if (fd_ < 0) return;
  while (flock(fd_, LOCK_EX) != 0 && errno == EINTR) {
  }
  stopped_ = lock_->Registered();
  for (pid_t pid : stopped_) kill(pid, SIGSTOP);
}

TimingLock::Section::~Section() {
  for (pid_t pid : stopped_) kill(pid, SIGCONT);
  if (fd_ >= 0) close(fd_);
}

}  // namespace hone
