#include "worker/builder/compile_child.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

#include "absl/time/clock.h"
#include "common/measure/failure_status.h"
#include "worker/builder/codec.h"
#include "worker/builder/frames.h"

namespace hone::builder {
namespace {

// Of a child; used by its handlers.
int g_socket = -1;
uint64_t g_address_limit = 0;
uint64_t g_memory_bytes = 0;

uint64_t AddressSpaceBytes() {
  char text[64] = {};
  const int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const ssize_t n = read(fd, text, sizeof(text) - 1);
  close(fd);
  return n <= 0 ? 0 : std::strtoull(text, nullptr, 10) * 4096;
}

[[noreturn]] void EndOutOfMemory() {
  WriteFrame(g_socket, FrameType::kOutOfMemory, {});
  _exit(1);
}

// Compilers end by abort() or a null pointer when memory is refused. With less than a third left, that is taken for the
// reason: what was refused may have been a large block.
void OnFault(int signal) {
  if (g_address_limit > 0 && AddressSpaceBytes() + g_memory_bytes / 3 > g_address_limit) EndOutOfMemory();
  const char number = static_cast<char>(signal);
  WriteFrame(g_socket, FrameType::kCrashed, {&number, 1});
  _exit(1);
}

void InstallHandlers() {
  constexpr size_t kStackBytes = 64 << 10;
  stack_t stack = {};
  stack.ss_sp = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  stack.ss_size = kStackBytes;
  sigaltstack(&stack, nullptr);
  struct sigaction action = {};
  action.sa_handler = OnFault;
  action.sa_flags = SA_ONSTACK | SA_RESETHAND;
  for (int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) sigaction(signal, &action, nullptr);
  std::set_new_handler(EndOutOfMemory);
}

void LimitMemory(uint64_t memory_bytes) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return;  // Their runtimes reserve terabytes.
#endif
  g_memory_bytes = memory_bytes;
  g_address_limit = AddressSpaceBytes() + memory_bytes;
  struct rlimit limit;
  getrlimit(RLIMIT_AS, &limit);
  limit.rlim_cur = std::min<rlim_t>(g_address_limit, limit.rlim_max);
  setrlimit(RLIMIT_AS, &limit);
}

bool Probe(const Digest& key) {
  FrameType type;
  std::string body;
  if (!WriteFrame(g_socket, FrameType::kProbe, key.Raw())) return false;
  return ReadFrame(g_socket, &type, &body) && type == FrameType::kProbeAnswer && body == std::string(1, 1);
}

BuildResult CompileRequest(const CompileFunction& compile, const BuildRequest& request) {
  const absl::Time start = absl::Now();
  absl::StatusOr<Artifact> artifact = compile(request, Probe);
  BuildResult result;
  if (artifact.ok()) {
    result.artifact = *std::move(artifact);
  } else {
    result.failure = FailureOfStatus(artifact.status(), FailureKind::kBuild);
  }
  result.build_time = absl::Now() - start;
  return result;
}

[[noreturn]] void RunChild(int socket, const CompileFunction& compile) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_NAME, "hone-compile");
  g_socket = socket;
  InstallHandlers();
  FrameType type;
  std::string body;
  while (ReadFrame(socket, &type, &body)) {
    BuildRequest request;
    if (type != FrameType::kRequest || !DecodeRequest(body, &request)) break;
    LimitMemory(request.memory_bytes);
    if (!WriteFrame(socket, FrameType::kResult, EncodeResult(CompileRequest(compile, request)))) break;
  }
  _exit(0);
}

// One socket from `control`; -1 when it was closed.
int ReceiveSocket(int control) {
  char byte;
  int fd = -1;
  struct iovec data = {&byte, 1};
  alignas(struct cmsghdr) char space[CMSG_SPACE(sizeof(fd))];
  while (true) {
    struct msghdr header = {};
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    header.msg_control = space;
    header.msg_controllen = sizeof(space);
    const ssize_t got = recvmsg(control, &header, MSG_CMSG_CLOEXEC);
    if (got < 0 && errno == EINTR) continue;
    const struct cmsghdr* attached = got == 1 ? CMSG_FIRSTHDR(&header) : nullptr;
    if (attached == nullptr || attached->cmsg_len != CMSG_LEN(sizeof(fd))) return -1;
    std::memcpy(&fd, CMSG_DATA(attached), sizeof(fd));
    return fd;
  }
}

// Keeps nothing of the worker's: no sockets, no terminal input; what compilers print goes to stderr.
int DropDescriptors(int control) {
  const int null = open("/dev/null", O_RDWR);
  dup2(null, 0);
  dup2(2, 1);
  dup2(control, 3);
  close_range(4, ~0U, 0);
  return 3;
}

void LimitPlace(const std::vector<int>& cpus) {
  if (!cpus.empty()) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int cpu : cpus) CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof(set), &set);
  }
  setpriority(PRIO_PROCESS, 0, 5);
  // Deep recursion in a compiler ends in a report, not in a small stack.
  struct rlimit stack = {uint64_t{64} << 20, uint64_t{64} << 20};
  setrlimit(RLIMIT_STACK, &stack);
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
}

}  // namespace

void RunNursery(int control, const CompileFunction& compile, const std::function<void()>& warm_up,
                const CompilePoolOptions& options) {
  setpgid(0, 0);  // Ctrl-C is the worker's to handle.
  prctl(PR_SET_NAME, "hone-nursery");
  for (int signal = 1; signal < 32; ++signal) ::signal(signal, SIG_DFL);
  signal(SIGCHLD, SIG_IGN);  // Children are reaped by the kernel.
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  control = DropDescriptors(control);
  LimitPlace(options.cpus);
  if (warm_up != nullptr) warm_up();
  int socket;
  while ((socket = ReceiveSocket(control)) >= 0) {
    const pid_t pid = fork();
    if (pid == 0) {
      close(control);
      signal(SIGCHLD, SIG_DFL);
      RunChild(socket, compile);
    }
    close(socket);
    const NurseryAnswer answer = {pid};
    send(control, &answer, sizeof(answer), MSG_NOSIGNAL);
  }
  _exit(0);
}

}  // namespace hone::builder
