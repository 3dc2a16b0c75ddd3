#include "worker/runner/cuda/device_process.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
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
#include "worker/runner/cuda/device_reply.h"
#include "worker/runner/embedded_program.h"

// The device process's executable.
extern "C" const uint8_t hone_device_image[];
extern "C" const uint8_t hone_device_image_end[];

namespace hone::runner::cuda {
namespace {

// What the driver may need, and nothing else.
std::vector<std::string> Environment() {
  std::vector<std::string> out = {"CUDA_DEVICE_ORDER=PCI_BUS_ID", "CUDA_CACHE_DISABLE=1", "CUDA_MODULE_LOADING=EAGER"};
  for (const char* name : {"LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "HONE_CUDA_DRIVER", "HONE_FAKE_GPU"}) {
    if (const char* value = std::getenv(name)) out.push_back(StrCat(name, "=", value));
  }
  return out;
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
  const EmbeddedProgram program = {"hone-gpu", "device process", hone_device_image, hone_device_image_end,
                                   kDeviceSocket};
  HONE_ASSIGN_OR_RETURN(const SpawnedProgram spawned, SpawnEmbedded(program, Environment()));
  std::unique_ptr<DeviceProcess> process(new DeviceProcess(spawned.pid, spawned.socket));
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
    // Whatever it still does: it closed its end, or answered what is no reply. One that is ending keeps its status.
    kill(pid_, SIGKILL);
    int status = 0;
    const bool reaped = waitpid(pid_, &status, 0) == pid_;
    pid_ = -1;
    return Failure{FailureKind::kCrash, StrCat("the device process ", reaped ? HowItEnded(status) : "has ended")};
  }
  if (const std::string wrong = CheckReply(command.op, *reply); !wrong.empty()) {
    Kill();
    return Failure{FailureKind::kCrash, StrCat("the device process answered nonsense: ", wrong)};
  }
  if (reply->result == 0) return std::nullopt;
  const std::string message = reply->message;
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
