// The device process: owns one GPU for the runner, runs what it is given, and ends with the runner. A kernel that
// breaks the context, or never ends, costs this process and nothing else.
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "worker/runner/cuda/device.h"

namespace hone::runner::cuda {
namespace {

// Before CUDA is started, while there is one thread: no network, no processes of others to talk to. A user namespace is
// tried where privileges are missing, and only when the device files stay usable in it.
std::string EnterNamespaces() {
  std::string layers;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) layers = "nonewprivs";
  if (unshare(CLONE_NEWNET | CLONE_NEWIPC) == 0) {
    layers += ",netns,ipcns";
  } else if (geteuid() != 0 && access("/dev/nvidiactl", R_OK | W_OK) == 0 &&
             unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC) == 0) {
    layers += ",userns,netns,ipcns";
  }
  const struct rlimit none = {0, 0};
  if (setrlimit(RLIMIT_CORE, &none) == 0) layers += ",rlimits";
  return layers;
}

// After CUDA was started: no new programs, no new processes, no sockets, no tracing. The driver needs the rest.
bool RefuseSystemCalls() {
#if defined(__x86_64__)
  static constexpr int kRefused[] = {SYS_execve,
                                     SYS_execveat,
                                     SYS_fork,
                                     SYS_vfork,
                                     SYS_ptrace,
                                     SYS_process_vm_readv,
                                     SYS_socket,
                                     SYS_connect,
                                     SYS_bind,
                                     SYS_listen,
                                     SYS_process_vm_writev,
                                     SYS_accept,
                                     SYS_accept4,
                                     SYS_mount,
                                     SYS_umount2,
                                     SYS_unshare,
                                     SYS_setns,
                                     SYS_bpf,
                                     SYS_unlink,
                                     SYS_unlinkat,
                                     SYS_rename,
                                     SYS_renameat2,
                                     SYS_perf_event_open,
                                     SYS_keyctl,
                                     SYS_kexec_load,
                                     SYS_init_module,
                                     SYS_finit_module,
                                     SYS_chroot,
                                     SYS_pivot_root,
                                     SYS_reboot};
  constexpr size_t kCount = sizeof(kRefused) / sizeof(kRefused[0]);
  struct sock_filter filter[kCount + 6];
  size_t n = 0;
  filter[n++] = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
  filter[n++] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
  filter[n++] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  filter[n++] = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (size_t i = 0; i < kCount; ++i) {
    filter[n++] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(kRefused[i]),
                           static_cast<unsigned char>(kCount - i), 0);
  }
  filter[n++] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  filter[n++] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
  const struct sock_fprog program = {static_cast<unsigned short>(n), filter};
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
#else
  return false;
#endif
}

// The memory behind an attached descriptor.
class Mapping {
 public:
  Mapping(int fd, uint64_t bytes) : bytes_(bytes) {
    if (fd >= 0 && bytes > 0) address_ = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0 && address_ == MAP_FAILED && bytes > 0) address_ = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (fd >= 0) close(fd);
  }
  ~Mapping() {
    if (address_ != MAP_FAILED) munmap(address_, bytes_);
  }
  bool ok() const { return address_ != MAP_FAILED; }
  char* data() const { return static_cast<char*>(address_); }

 private:
  void* address_ = MAP_FAILED;
  const uint64_t bytes_;
};

bool Receive(DeviceCommand* command, int* fd) {
  struct iovec data = {command, sizeof(*command)};
  alignas(struct cmsghdr) char space[CMSG_SPACE(sizeof(int))] = {};
  struct msghdr header = {};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = space;
  header.msg_controllen = sizeof(space);
  ssize_t got;
  do {
    got = recvmsg(kDeviceSocket, &header, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  *fd = -1;
  if (const struct cmsghdr* attached = CMSG_FIRSTHDR(&header);
      got > 0 && attached != nullptr && attached->cmsg_type == SCM_RIGHTS) {
    std::memcpy(fd, CMSG_DATA(attached), sizeof(int));
  }
  return got == static_cast<ssize_t>(sizeof(*command));
}

void Handle(DeviceSession& session, const DeviceCommand& command, int fd, const std::string& layers,
            DeviceReply* reply) {
  const Mapping mapping(fd, command.bytes);
  const bool needs_memory =
      command.op == DeviceOp::kPut || command.op == DeviceOp::kLoad || command.op == DeviceOp::kRead;
  if (needs_memory && !mapping.ok()) {
    reply->result = -1;
    std::snprintf(reply->message, sizeof(reply->message), "the runner's memory cannot be mapped");
    return;
  }
  switch (command.op) {
    case DeviceOp::kOpen: {
      if (!session.Open(static_cast<int>(command.value), reply)) return;
      const std::string all = layers + (RefuseSystemCalls() ? ",seccomp" : "");
      std::snprintf(reply->device.layers, sizeof(reply->device.layers), "%s", all.c_str());
      return;
    }
    case DeviceOp::kPut:
      return session.Put(command.value, mapping.data(), command.bytes, reply);
    case DeviceOp::kDrop:
      return session.Drop(command.value);
    case DeviceOp::kLoad:
      return session.Load(mapping.data(), command.bytes, reply);
    case DeviceOp::kRun:
      return session.Run(command, reply);
    case DeviceOp::kCompare:
      return session.Compare(command, reply);
    case DeviceOp::kPoison:
      return session.Poison(reply);
    case DeviceOp::kTime:
      return session.Time(command.value, (command.flags & kFlushL2) != 0, reply);
    case DeviceOp::kRead:
      return session.Read(command.value, mapping.data(), command.bytes, reply);
  }
}

int Serve() {
  const std::string layers = EnterNamespaces();
  DeviceSession session;
  static DeviceCommand command;
  static DeviceReply reply;
  int fd = -1;
  while (Receive(&command, &fd)) {
    reply = DeviceReply();
    Handle(session, command, fd, layers, &reply);
    if (send(kDeviceSocket, &reply, sizeof(reply), MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof(reply))) break;
  }
  _exit(0);  // The driver's own clean-up may wait for kernels that never end.
}

}  // namespace
}  // namespace hone::runner::cuda

int main() { return hone::runner::cuda::Serve(); }
