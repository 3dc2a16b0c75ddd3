#include "worker/builder/compile_pool.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "absl/time/clock.h"
#include "common/support/log.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "worker/builder/codec.h"
#include "worker/builder/compile_child.h"
#include "worker/builder/frames.h"

namespace hone::builder {
namespace {

absl::Status Errno(std::string_view what) {
  return absl::UnavailableError(StrCat("compile pool: ", what, ": ", std::strerror(errno)));
}

BuildResult Failed(FailureKind kind, std::string message) {
  BuildResult result;
  result.failure = Failure{kind, std::move(message)};
  return result;
}

// CPU time that process `pid` has used so far; nullopt when it is gone.
std::optional<absl::Duration> CpuTimeOf(pid_t pid) {
  clockid_t clock;
  struct timespec time;
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) return std::nullopt;
  return absl::DurationFromTimespec(time);
}

// Time limits of one build: CPU time, because a child is stopped while kernels are timed, and a generous wall clock for
// one that sleeps.
class Stopwatch {
 public:
  Stopwatch(pid_t pid, absl::Duration timeout)
      : pid_(pid), timeout_(timeout), start_(absl::Now()), cpu_start_(CpuTimeOf(pid).value_or(absl::ZeroDuration())) {}

  bool Expired() const {
    if (absl::Now() - start_ > 4 * timeout_) return true;
    const std::optional<absl::Duration> cpu = CpuTimeOf(pid_);
    return cpu.has_value() && *cpu - cpu_start_ > timeout_;
  }
  absl::Duration Elapsed() const { return absl::Now() - start_; }

 private:
  const pid_t pid_;
  const absl::Duration timeout_;
  const absl::Time start_;
  const absl::Duration cpu_start_;
};

bool SendSocket(int control, int socket) {
  char byte = 1;
  struct iovec data = {&byte, 1};
  alignas(struct cmsghdr) char space[CMSG_SPACE(sizeof(socket))] = {};
  struct msghdr header = {};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = space;
  header.msg_controllen = sizeof(space);
  struct cmsghdr* attached = CMSG_FIRSTHDR(&header);
  attached->cmsg_level = SOL_SOCKET;
  attached->cmsg_type = SCM_RIGHTS;
  attached->cmsg_len = CMSG_LEN(sizeof(socket));
  std::memcpy(CMSG_DATA(attached), &socket, sizeof(socket));
  return sendmsg(control, &header, MSG_NOSIGNAL) == 1;
}

}  // namespace

absl::StatusOr<std::unique_ptr<CompilePool>> CompilePool::Start(CompileFunction compile, std::function<void()> warm_up,
                                                                CompilePoolOptions options) {
  options.workers = std::max(1, options.workers);
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) return Errno("socketpair");
  const pid_t nursery = fork();
  if (nursery == 0) RunNursery(sockets[1], compile, warm_up, options);
  close(sockets[1]);
  if (nursery < 0) {
    close(sockets[0]);
    return Errno("fork");
  }
  return std::unique_ptr<CompilePool>(new CompilePool(sockets[0], nursery, std::move(options)));
}

CompilePool::~CompilePool() {
  {
    absl::MutexLock lock(&mutex_);
    for (pid_t pid : alive_) {
      if (options_.timing_lock != nullptr) options_.timing_lock->Unregister(pid);
      kill(pid, SIGKILL);
    }
    for (const auto& child : idle_) close(child->socket);
  }
  close(control_);
  while (waitpid(nursery_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

std::vector<pid_t> CompilePool::Children() {
  absl::MutexLock lock(&mutex_);
  return alive_;
}

absl::StatusOr<std::unique_ptr<CompilePool::Child>> CompilePool::Spawn() {
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) return Errno("socketpair");
  NurseryAnswer answer = {-1};
  const bool asked = SendSocket(control_, sockets[1]) &&
                     recv(control_, &answer, sizeof(answer), 0) == static_cast<ssize_t>(sizeof(answer));
  close(sockets[1]);
  if (!asked || answer.pid <= 0) {
    close(sockets[0]);
    return absl::UnavailableError("compile pool: the nursery is gone");
  }
  auto child = std::make_unique<Child>();
  child->pid = answer.pid;
  child->socket = sockets[0];
  alive_.push_back(child->pid);
  if (options_.timing_lock != nullptr) options_.timing_lock->Register(child->pid);
  return child;
}

absl::StatusOr<std::unique_ptr<CompilePool::Child>> CompilePool::Acquire() {
  absl::MutexLock lock(&mutex_);
  auto is_free = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return busy_ < options_.workers; };
  mutex_.Await(absl::Condition(&is_free));
  std::unique_ptr<Child> child;
  if (!idle_.empty()) {
    child = std::move(idle_.back());
    idle_.pop_back();
  } else {
    HONE_ASSIGN_OR_RETURN(child, Spawn());
  }
  ++busy_;
  return child;
}

void CompilePool::Release(std::unique_ptr<Child> child) {
  if (++child->builds >= options_.max_builds_per_child) return Discard(std::move(child));
  absl::MutexLock lock(&mutex_);
  --busy_;
  idle_.push_back(std::move(child));
}

void CompilePool::Discard(std::unique_ptr<Child> child) {
  if (options_.timing_lock != nullptr) options_.timing_lock->Unregister(child->pid);
  kill(child->pid, SIGKILL);
  close(child->socket);
  absl::MutexLock lock(&mutex_);
  --busy_;
  alive_.erase(std::remove(alive_.begin(), alive_.end(), child->pid), alive_.end());
}

BuildResult CompilePool::Compile(const BuildRequest& request, const ArtifactProbe& probe) {
  absl::StatusOr<std::unique_ptr<Child>> child = Acquire();
  if (!child.ok()) return Failed(FailureKind::kDeviceLost, std::string(child.status().message()));
  bool healthy = false;
  BuildResult result = Converse(**child, request, probe, &healthy);
  if (healthy) {
    Release(*std::move(child));
  } else {
    Discard(*std::move(child));
  }
  return result;
}

BuildResult CompilePool::Converse(Child& child, const BuildRequest& request, const ArtifactProbe& probe,
                                  bool* healthy) {
  constexpr absl::Duration kPatrol = absl::Milliseconds(50);
  const Stopwatch stopwatch(child.pid, request.timeout);
  const std::string killed = "the compile process was killed, perhaps for want of memory";
  if (!WriteFrame(child.socket, FrameType::kRequest, EncodeRequest(request))) {
    return Failed(FailureKind::kBuildTimeout, killed);
  }
  while (true) {
    struct pollfd fd = {child.socket, POLLIN, 0};
    if (poll(&fd, 1, static_cast<int>(absl::ToInt64Milliseconds(kPatrol))) <= 0) {
      if (stopwatch.Expired()) {
        return Failed(FailureKind::kBuildTimeout, StrCat("the build did not end within ",
                                                         absl::FormatDuration(request.timeout), " and was killed"));
      }
      if (options_.timing_lock != nullptr) options_.timing_lock->ContinueAbandoned({child.pid});
      continue;
    }
    FrameType type;
    std::string body;
    if (!ReadFrame(child.socket, &type, &body)) return Failed(FailureKind::kBuildTimeout, killed);
    switch (type) {
      case FrameType::kProbe: {
        Digest key;
        const char found = Digest::FromRaw(body, key) && probe != nullptr && probe(key) ? 1 : 0;
        if (!WriteFrame(child.socket, FrameType::kProbeAnswer, {&found, 1})) {
          return Failed(FailureKind::kBuildTimeout, killed);
        }
        break;
      }
      case FrameType::kResult: {
        BuildResult result;
        *healthy = DecodeResult(body, &result);
        return *healthy ? result : Failed(FailureKind::kBuild, "the compile process gave a broken answer");
      }
      case FrameType::kOutOfMemory:
        return Failed(FailureKind::kBuildTimeout,
                      StrCat("the build needed more than ", request.memory_bytes, " bytes of memory"));
      case FrameType::kCrashed: {
        const int signal = body.empty() ? 0 : body[0];
        const char* name = sigabbrev_np(signal);
        return Failed(FailureKind::kBuild, StrCat("the compiler crashed by SIG", name == nullptr ? "?" : name));
      }
      default:
        return Failed(FailureKind::kBuild, "the compile process broke its protocol");
    }
  }
}

}  // namespace hone::builder
