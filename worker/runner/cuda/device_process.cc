#include "worker/runner/cuda/device_process.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "absl/time/clock.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

// The device process's executable, embedded so that a worker is one file.
extern "C" const uint8_t hone_device_image[];
extern "C" const uint8_t hone_device_image_end[];

namespace hone::runner::cuda {
namespace {

absl::Status Errno(std::string_view what) {
  return absl::UnavailableError(ToAbsl(StrCat("device process: ", what, ": ", std::strerror(errno))));
}

int MoveUp(int fd) {
  const int high = fcntl(fd, F_DUPFD_CLOEXEC, 16);
  close(fd);
  return high;
}

absl::StatusOr<int> WriteImage() {
  int fd = memfd_create("hone-gpu", MFD_CLOEXEC);
  if (fd < 0) return Errno("memfd_create");
  fd = MoveUp(fd);
  const size_t bytes = static_cast<size_t>(hone_device_image_end - hone_device_image);
  for (size_t written = 0; written < bytes;) {
    const ssize_t n = write(fd, hone_device_image + written, bytes - written);
    if (n <= 0) {
      close(fd);
      return Errno("writing the image");
    }
    written += static_cast<size_t>(n);
  }
  return fd;
}

// What the driver may need, and nothing else.
std::vector<std::string> Environment() {
  std::vector<std::string> out = {"CUDA_DEVICE_ORDER=PCI_BUS_ID", "CUDA_CACHE_DISABLE=1", "CUDA_MODULE_LOADING=EAGER"};
  for (const char* name : {"LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "HONE_CUDA_DRIVER", "HONE_FAKE_GPU"}) {
    if (const char* value = std::getenv(name)) out.push_back(StrCat(name, "=", value));
  }
  return out;
}

absl::StatusOr<pid_t> SpawnImage(int image, int socket) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, socket, kDeviceSocket);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  const std::string path = StrCat("/proc/self/fd/", image);
  char name[] = "hone-gpu";
  char* argv[] = {name, nullptr};
  std::vector<std::string> environment = Environment();
  std::vector<char*> envp;
  for (std::string& entry : environment) envp.push_back(entry.data());
  envp.push_back(nullptr);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, path.c_str(), &actions, &attributes, argv, envp.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error == 0) return pid;
  errno = error;
  return Errno("posix_spawn");
}

bool SendCommand(int socket, const DeviceCommand& command, int fd) {
  struct iovec data = {const_cast<DeviceCommand*>(&command), sizeof(command)};
  alignas(struct cmsghdr) char space[CMSG_SPACE(sizeof(int))] = {};
  struct msghdr header = {};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  if (fd >= 0) {
    header.msg_control = space;
    header.msg_controllen = sizeof(space);
    struct cmsghdr* attached = CMSG_FIRSTHDR(&header);
    attached->cmsg_level = SOL_SOCKET;
    attached->cmsg_type = SCM_RIGHTS;
    attached->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(attached), &fd, sizeof(int));
  }
  return sendmsg(socket, &header, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof(command));
}

std::string HowItEnded(int status) {
  if (WIFSIGNALED(status)) return StrCat("was killed by ", strsignal(WTERMSIG(status)));
  return StrCat("exited with status ", WIFEXITED(status) ? WEXITSTATUS(status) : status);
}

}  // namespace

absl::StatusOr<std::unique_ptr<DeviceProcess>> DeviceProcess::Start(int ordinal) {
  HONE_ASSIGN_OR_RETURN(const int image, WriteImage());
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) {
    close(image);
    return Errno("socketpair");
  }
  const int local = MoveUp(sockets[0]);
  const int remote = MoveUp(sockets[1]);
  absl::StatusOr<pid_t> pid = SpawnImage(image, remote);
  close(image);
  close(remote);
  if (!pid.ok()) {
    close(local);
    return pid.status();
  }
  std::unique_ptr<DeviceProcess> process(new DeviceProcess(*pid, local));
  DeviceCommand open = {};
  open.op = DeviceOp::kOpen;
  open.value = static_cast<uint64_t>(ordinal);
  auto reply = std::make_unique<DeviceReply>();
  constexpr absl::Duration kPatience = absl::Seconds(60);
  if (std::optional<Failure> failure = process->Execute(open, -1, absl::Now() + kPatience, reply.get())) {
    return absl::UnavailableError(failure->message);
  }
  process->description_ = reply->device;
  return process;
}

DeviceProcess::~DeviceProcess() {
  Kill();
  close(socket_);
}

void DeviceProcess::Kill() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  // The driver stops what still runs on the device, which may take a while.
  int status = 0;
  for (int i = 0; i < 600; ++i) {
    const pid_t got = waitpid(pid_, &status, WNOHANG);
    if (got == pid_ || (got < 0 && errno != EINTR)) break;
    absl::SleepFor(absl::Milliseconds(i < 50 ? 2 : 20));
  }
  pid_ = -1;
}

std::optional<Failure> DeviceProcess::Execute(const DeviceCommand& command, int fd, absl::Time deadline,
                                              DeviceReply* reply) {
  if (!alive()) return Failure{FailureKind::kDeviceLost, "the device process has ended"};
  bool sent = SendCommand(socket_, command, fd);
  while (sent) {
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) {
      Kill();
      return Failure{FailureKind::kRunTimeout, "the kernel did not end in time"};
    }
    struct pollfd poller = {socket_, POLLIN, 0};
    const int ready =
        poll(&poller, 1, static_cast<int>(std::min<int64_t>(absl::ToInt64Milliseconds(left) + 1, 60'000)));
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    const ssize_t got = recv(socket_, reply, sizeof(*reply), 0);
    if (got < 0 && errno == EINTR) continue;
    sent = got == static_cast<ssize_t>(sizeof(*reply));
    break;
  }
  if (!sent) {
    int status = 0;
    const bool reaped = waitpid(pid_, &status, 0) == pid_;
    pid_ = -1;
    return Failure{FailureKind::kCrash, StrCat("the device process ", reaped ? HowItEnded(status) : "has ended")};
  }
  if (reply->result == 0) return std::nullopt;
  const std::string message(reply->message, strnlen(reply->message, sizeof(reply->message)));
  if (reply->broken == 0) return Failure{FailureKind::kRun, message};
  Kill();
  return Failure{FailureKind::kCrash, message};
}

std::optional<std::string> WhyNoGpu() {
  if (const char* fake = std::getenv("HONE_CUDA_DRIVER"); fake != nullptr && *fake != 0) return std::nullopt;
  if (access("/dev/nvidiactl", F_OK) != 0) return "there is no NVIDIA device (/dev/nvidiactl)";
  return std::nullopt;
}

}  // namespace hone::runner::cuda
