// The zygote: a small process that the runner starts once. It enters the namespaces of the sandbox and then forks a
// candidate for every request, kills it when told, and reports how it ended. When the runner goes away, it goes too and
// takes all candidates along (they share its PID namespace, or die by their parent-death signal).
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <climits>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "worker/runner/candidate.h"
#include "worker/runner/probes.h"
#include "worker/runner/sandbox.h"
#include "worker/runner/wire.h"

namespace hone::runner {
namespace {

struct Child {
  pid_t pid = 0;
  uint64_t number = 0;
};

class Zygote {
 public:
  explicit Zygote(int signals) : signals_(signals) {}

  void SendHello(const std::vector<std::string>& layers) {
    ControlMessage message = {};
    message.type = ControlType::kHello;
    std::string text;
    for (const std::string& layer : layers) text += (text.empty() ? "" : ",") + layer;
    std::strncpy(message.layers, text.c_str(), sizeof(message.layers) - 1);
    Send(message);
  }

  // Until the runner closes the control socket.
  void Serve() {
    struct pollfd fds[2] = {{kZygoteControlFd, POLLIN, 0}, {signals_, POLLIN, 0}};
    while (true) {
      if (poll(fds, 2, -1) < 0 && errno != EINTR) return;
      if (fds[1].revents != 0) Reap();
      if (fds[0].revents != 0 && !HandleControl()) return;
    }
  }

 private:
  void Send(const ControlMessage& message) { send(kZygoteControlFd, &message, sizeof(message), MSG_NOSIGNAL); }

  bool HandleControl() {
    ControlMessage message;
    int fds[kSpawnFds];
    struct iovec data = {&message, sizeof(message)};
    alignas(struct cmsghdr) char space[CMSG_SPACE(sizeof(fds))];
    struct msghdr header = {};
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    header.msg_control = space;
    header.msg_controllen = sizeof(space);
    const ssize_t got = recvmsg(kZygoteControlFd, &header, MSG_CMSG_CLOEXEC);
    if (got != static_cast<ssize_t>(sizeof(message))) return false;
    const struct cmsghdr* attached = CMSG_FIRSTHDR(&header);
    if (message.type == ControlType::kSpawn && attached != nullptr && attached->cmsg_len == CMSG_LEN(sizeof(fds))) {
      std::memcpy(fds, CMSG_DATA(attached), sizeof(fds));
      Spawn(message.candidate, fds);
      for (int fd : fds) close(fd);
    } else if (message.type == ControlType::kKill) {
      for (const Child& child : children_) {
        if (child.number == message.candidate) kill(child.pid, SIGKILL);
      }
    } else if (message.type == ControlType::kAskCpuTime) {
      SendCpuTime(message.candidate);
    }
    return true;
  }

  void Spawn(uint64_t number, const int* fds) {
    const pid_t pid = fork();
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      close(kZygoteControlFd);
      close(signals_);
      sigset_t none;
      sigemptyset(&none);
      sigprocmask(SIG_SETMASK, &none, nullptr);
      RunCandidate(fds);
    }
    ControlMessage message = {};
    message.type = ControlType::kSpawned;
    message.candidate = number;
    message.status = pid < 0 ? errno : 0;
    if (pid > 0) children_.push_back({pid, number});
    Send(message);
  }

  // Kept by the kernel of the system, where the candidate cannot change it.
  void SendCpuTime(uint64_t number) {
    ControlMessage message = {};
    message.type = ControlType::kCpuTime;
    message.candidate = number;
    message.cpu_ns = -1;
    for (const Child& child : children_) {
      clockid_t clock;
      struct timespec t;
      if (child.number != number || clock_getcpuclockid(child.pid, &clock) != 0 || clock_gettime(clock, &t) != 0) {
        continue;
      }
      message.cpu_ns = int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
    }
    Send(message);
  }

  void Reap() {
    struct signalfd_siginfo ignored;
    while (read(signals_, &ignored, sizeof(ignored)) > 0) {
    }
    int status = 0;
    struct rusage usage;
    pid_t pid;
    while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
      for (size_t i = 0; i < children_.size(); ++i) {
        if (children_[i].pid != pid) continue;
        ControlMessage message = {};
        message.type = ControlType::kExited;
        message.candidate = children_[i].number;
        message.status = status;
        message.max_rss_kib = usage.ru_maxrss;
        Send(message);
        children_.erase(children_.begin() + static_cast<ptrdiff_t>(i));
        break;
      }
    }
  }

  const int signals_;
  std::vector<Child> children_;
};

int Main() {
  close_range(kZygoteControlFd + 1, ~0U, 0);
  const std::vector<std::string> layers = EnterNamespaces();
  // The first child after EnterNamespaces is process 1 of the new PID namespace: with it everything inside ends.
  const pid_t inner = fork();
  if (inner < 0) return 1;
  if (inner > 0) {
    close(kZygoteControlFd);
    int status = 0;
    while (waitpid(inner, &status, 0) < 0 && errno == EINTR) {
    }
    return 0;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_NAME, "hone-zygote");
  // With a number of its own malloc need not read the number of processors from a file when threads contend for it,
  // which the sandbox would take for the kernel's doing.
  mallopt(M_ARENA_MAX, 64);
  // Nor whether memory is overcommitted, when a thread gives much of it back. The first of these limits would turn off
  // the growing of the second, which is then set to what it would grow to.
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  Zygote zygote(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  PrepareProbes();
  zygote.SendHello(layers);
  zygote.Serve();
  return 0;
}

}  // namespace
}  // namespace hone::runner

int main() { return hone::runner::Main(); }
