#include "worker/runner/zygote.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "absl/time/clock.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "worker/runner/embedded_program.h"

// The zygote's executable.
extern "C" const uint8_t hone_zygote_image[];
extern "C" const uint8_t hone_zygote_image_end[];

namespace hone::runner {
namespace {

absl::Status Errno(std::string_view what) {
  return absl::UnavailableError(ToAbsl(StrCat("sandbox zygote: ", what, ": ", std::strerror(errno))));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Zygote>> Zygote::Start() {
  const EmbeddedProgram program = {"hone-zygote", "sandbox zygote", hone_zygote_image, hone_zygote_image_end,
                                   kZygoteControlFd};
  HONE_ASSIGN_OR_RETURN(const SpawnedProgram spawned, SpawnEmbedded(program, {"OMP_DYNAMIC=false"}));
  std::unique_ptr<Zygote> zygote(new Zygote(spawned.socket, spawned.pid));
  HONE_ASSIGN_OR_RETURN(const ControlMessage hello, zygote->Receive(absl::Now() + absl::Seconds(10)));
  zygote->layers_.assign(hello.layers, strnlen(hello.layers, sizeof(hello.layers)));
  return zygote;
}

Zygote::~Zygote() {
  close(control_);  // The zygote sees the end of its input and goes.
  int status = 0;
  for (int i = 0; i < 200; ++i) {
    const pid_t got = waitpid(pid_, &status, WNOHANG);
    if (got == pid_ || (got < 0 && errno != EINTR)) return;
    absl::SleepFor(absl::Milliseconds(i < 20 ? 1 : 10));
  }
  kill(pid_, SIGKILL);
  waitpid(pid_, &status, 0);
}

absl::StatusOr<ControlMessage> Zygote::Receive(absl::Time deadline) {
  while (true) {
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) return absl::DeadlineExceededError("the sandbox zygote does not answer");
    struct pollfd fd = {control_, POLLIN, 0};
    const int ready = poll(&fd, 1, static_cast<int>(std::min<int64_t>(absl::ToInt64Milliseconds(left) + 1, 60'000)));
    if (ready < 0 && errno != EINTR) return Errno("poll");
    if (ready <= 0) continue;
    ControlMessage message;
    const ssize_t got = recv(control_, &message, sizeof(message), 0);
    if (got == static_cast<ssize_t>(sizeof(message))) return message;
    if (got < 0 && errno == EINTR) continue;
    return absl::UnavailableError("the sandbox zygote has died");
  }
}

absl::StatusOr<uint64_t> Zygote::Spawn(const int (&fds)[kSpawnFds]) {
  ControlMessage message = {};
  message.type = ControlType::kSpawn;
  message.candidate = ++last_candidate_;
  struct iovec data = {&message, sizeof(message)};
  alignas(struct cmsghdr) char space[CMSG_SPACE(sizeof(fds))] = {};
  struct msghdr header = {};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = space;
  header.msg_controllen = sizeof(space);
  struct cmsghdr* attached = CMSG_FIRSTHDR(&header);
  attached->cmsg_level = SOL_SOCKET;
  attached->cmsg_type = SCM_RIGHTS;
  attached->cmsg_len = CMSG_LEN(sizeof(fds));
  std::memcpy(CMSG_DATA(attached), fds, sizeof(fds));
  if (sendmsg(control_, &header, MSG_NOSIGNAL) < 0) return Errno("spawn");
  while (true) {
    HONE_ASSIGN_OR_RETURN(const ControlMessage answer, Receive(absl::Now() + absl::Seconds(10)));
    if (answer.type != ControlType::kSpawned || answer.candidate != message.candidate) continue;
    if (answer.status == 0) return message.candidate;
    errno = answer.status;
    return Errno("fork");
  }
}

absl::StatusOr<ProcessEnd> Zygote::Reap(uint64_t candidate, absl::Time deadline) {
  if (early_exit_.has_value() && early_exit_->candidate == candidate) {
    return ProcessEnd{early_exit_->status, early_exit_->max_rss_kib};
  }
  while (true) {
    HONE_ASSIGN_OR_RETURN(const ControlMessage message, Receive(deadline));
    if (message.type != ControlType::kExited || message.candidate != candidate) continue;
    return ProcessEnd{message.status, message.max_rss_kib};
  }
}

absl::StatusOr<absl::Duration> Zygote::CpuTime(uint64_t candidate) {
  ControlMessage message = {};
  message.type = ControlType::kAskCpuTime;
  message.candidate = candidate;
  if (send(control_, &message, sizeof(message), MSG_NOSIGNAL) < 0) return Errno("CPU time");
  while (true) {
    HONE_ASSIGN_OR_RETURN(const ControlMessage answer, Receive(absl::Now() + absl::Seconds(10)));
    if (answer.candidate != candidate) continue;
    if (answer.type == ControlType::kExited) early_exit_ = answer;
    if (answer.type != ControlType::kCpuTime) continue;
    if (answer.cpu_ns >= 0) return absl::Nanoseconds(answer.cpu_ns);
    return absl::UnavailableError("the candidate has no CPU time: it has ended");
  }
}

absl::StatusOr<ProcessEnd> Zygote::KillAndReap(uint64_t candidate) {
  ControlMessage message = {};
  message.type = ControlType::kKill;
  message.candidate = candidate;
  if (send(control_, &message, sizeof(message), MSG_NOSIGNAL) < 0) return Errno("kill");
  return Reap(candidate, absl::Now() + absl::Seconds(10));
}

}  // namespace hone::runner
