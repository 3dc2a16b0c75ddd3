#include "worker/runner/sandbox.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <initializer_list>

namespace hone::runner {
namespace {

constexpr unsigned kNobody = 65534;

// The sanitizers' runtimes reserve terabytes and make system calls of their own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kUnderSanitizer = true;
#else
constexpr bool kUnderSanitizer = false;
#endif

bool WriteFile(const char* path, const char* text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const ssize_t length = static_cast<ssize_t>(std::strlen(text));
  const bool written = write(fd, text, length) == length;
  close(fd);
  return written;
}

// As root first become nobody, so that limits on processes count and files of root are out of reach.
void BecomeNobody() {
  if (geteuid() != 0) return;
  if (setgroups(0, nullptr) != 0 || setresgid(kNobody, kNobody, kNobody) != 0 ||
      setresuid(kNobody, kNobody, kNobody) != 0) {
    return;
  }
  prctl(PR_SET_DUMPABLE, 1);  // Else /proc/self belongs to root and the maps below cannot be written.
}

bool EnterUserNamespace() {
  const unsigned uid = geteuid();
  const unsigned gid = getegid();
  if (unshare(CLONE_NEWUSER) != 0) return false;
  char map[64];
  WriteFile("/proc/self/setgroups", "deny");
  std::snprintf(map, sizeof(map), "%u %u 1", kNobody, uid);
  const bool uid_mapped = WriteFile("/proc/self/uid_map", map);
  std::snprintf(map, sizeof(map), "%u %u 1", kNobody, gid);
  return WriteFile("/proc/self/gid_map", map) && uid_mapped;
}

// An empty, read-only file system of no size becomes the root.
bool EnterEmptyRoot() {
  if (unshare(CLONE_NEWNS) != 0) return false;
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  if (mount("none", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,nr_inodes=2,mode=555") != 0)
    return false;
  if (chdir("/tmp") != 0 || syscall(SYS_pivot_root, ".", ".") != 0) return false;
  if (umount2(".", MNT_DETACH) != 0 || chdir("/") != 0) return false;
  mount(nullptr, "/", nullptr, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr);
  return true;
}

}  // namespace

std::vector<std::string> EnterNamespaces() {
  std::vector<std::string> layers;
  BecomeNobody();
  if (EnterUserNamespace()) layers.emplace_back("userns");
  if (unshare(CLONE_NEWNET) == 0) layers.emplace_back("netns");
  if (unshare(CLONE_NEWIPC | CLONE_NEWUTS) == 0) layers.emplace_back("ipcns");
  if (unshare(CLONE_NEWPID) == 0) layers.emplace_back("pidns");
  if (EnterEmptyRoot()) layers.emplace_back("mountns");
  return layers;
}

std::vector<std::string> ApplyLimits(const Limits& limits) {
  bool all = true;
  auto set = [&](auto resource, uint64_t value) {
    const struct rlimit limit = {value, value};
    all &= setrlimit(resource, &limit) == 0;
  };
  if (!kUnderSanitizer) set(RLIMIT_AS, limits.address_space_bytes);
  set(RLIMIT_CPU, limits.cpu_seconds);
  set(RLIMIT_CORE, 0);
  set(RLIMIT_FSIZE, 0);
  set(RLIMIT_NPROC, limits.threads);
  set(RLIMIT_MEMLOCK, 0);
  set(RLIMIT_MSGQUEUE, 0);
  set(RLIMIT_NOFILE, 0);  // No descriptor can be opened; those that are open stay.
  std::vector<std::string> layers;
  if (all) layers.emplace_back("rlimits");
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct none[2] = {};
  if (syscall(SYS_capset, &header, none) == 0) layers.emplace_back("nocaps");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) layers.emplace_back("nonewprivs");
  return layers;
}

std::string SystemCallName(int number) {
  struct Name {
    int number;
    const char* name;
  };
  static constexpr Name kNames[] = {
      {SYS_read, "read"},
      {SYS_write, "write"},
      {SYS_open, "open"},
      {SYS_openat, "openat"},
      {SYS_close, "close"},
      {SYS_stat, "stat"},
      {SYS_newfstatat, "fstatat"},
      {SYS_ioctl, "ioctl"},
      {SYS_socket, "socket"},
      {SYS_connect, "connect"},
      {SYS_sendto, "sendto"},
      {SYS_recvfrom, "recvfrom"},
      {SYS_sendmsg, "sendmsg"},
      {SYS_recvmsg, "recvmsg"},
      {SYS_clone, "clone"},
      {SYS_clone3, "clone3"},
      {SYS_fork, "fork"},
      {SYS_vfork, "vfork"},
      {SYS_execve, "execve"},
      {SYS_kill, "kill"},
      {SYS_tgkill, "tgkill"},
      {SYS_unlink, "unlink"},
      {SYS_ptrace, "ptrace"},
      {SYS_getpid, "getpid"},
      {SYS_nanosleep, "nanosleep"},
      {SYS_clock_nanosleep, "clock_nanosleep"},
      {SYS_getrandom, "getrandom"},
      {SYS_rt_sigaction, "rt_sigaction"},
      {SYS_mmap, "mmap"},
      {SYS_pipe, "pipe"},
      {SYS_process_vm_readv, "process_vm_readv"},
  };
  for (const Name& known : kNames) {
    if (known.number == number) return known.name;
  }
  return "number " + std::to_string(number);
}

}  // namespace hone::runner
