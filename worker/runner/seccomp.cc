// The system call filter of sandbox.h, as classic BPF written out: it tells allowed from forbidden uses of one call by
// the address of the calling instruction, which libseccomp cannot express.
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <vector>

#include "worker/runner/sandbox.h"

// The filter knows these labels: the address after each system call instruction.
extern "C" const char hone_sandbox_send_return[];
extern "C" const char hone_sandbox_receive_return[];

namespace hone::runner {
namespace {

constexpr uint32_t kArgLow(int index) { return offsetof(struct seccomp_data, args) + static_cast<uint32_t>(index) * 8; }

class Filter {
 public:
  void Load(uint32_t offset) { Add(BPF_LD | BPF_W | BPF_ABS, 0, 0, offset); }
  void Return(uint32_t action) { Add(BPF_RET | BPF_K, 0, 0, action); }
  void And(uint32_t mask) { Add(BPF_ALU | BPF_AND | BPF_K, 0, 0, mask); }
  // Skips `skip` instructions unless the accumulator equals `value`.
  void UnlessEqualSkip(uint32_t value, uint8_t skip) { Add(BPF_JMP | BPF_JEQ | BPF_K, 0, skip, value); }
  void IfEqualSkip(uint32_t value, uint8_t skip) { Add(BPF_JMP | BPF_JEQ | BPF_K, skip, 0, value); }

  void AllowCall(int number) {
    UnlessEqualSkip(static_cast<uint32_t>(number), 1);
    Return(SECCOMP_RET_ALLOW);
  }

  // `number` is allowed when (argument & mask) == value; otherwise `otherwise`.
  void AllowCallWhen(int number, int argument, uint32_t mask, uint32_t value, uint32_t otherwise) {
    UnlessEqualSkip(static_cast<uint32_t>(number), 5);
    Load(kArgLow(argument));
    And(mask);
    UnlessEqualSkip(value, 1);
    Return(SECCOMP_RET_ALLOW);
    Return(otherwise);
  }

  // `number` is allowed on descriptor `fd` from the instruction that ends at `address`.
  void AllowCallFrom(int number, const void* address, int fd) {
    const uint64_t ip = reinterpret_cast<uint64_t>(address);
    UnlessEqualSkip(static_cast<uint32_t>(number), 8);
    Load(offsetof(struct seccomp_data, instruction_pointer));
    UnlessEqualSkip(static_cast<uint32_t>(ip), 5);
    Load(offsetof(struct seccomp_data, instruction_pointer) + 4);
    UnlessEqualSkip(static_cast<uint32_t>(ip >> 32), 3);
    Load(kArgLow(0));
    UnlessEqualSkip(static_cast<uint32_t>(fd), 1);
    Return(SECCOMP_RET_ALLOW);
    Return(SECCOMP_RET_TRAP);
  }

  void LoadCallNumber() { Load(offsetof(struct seccomp_data, nr)); }

  bool Install() {
    struct sock_fprog program = {static_cast<unsigned short>(code_.size()), code_.data()};
    // On all threads: the pool of libgomp exists already.
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
  }

 private:
  void Add(int code, uint8_t if_true, uint8_t if_false, uint32_t value) {
    code_.push_back({static_cast<uint16_t>(code), if_true, if_false, value});
  }

  std::vector<struct sock_filter> code_;
};

}  // namespace

bool InstallSeccomp(int socket) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return false;  // Their runtimes make system calls of their own.
#endif
  Filter filter;
  filter.Load(offsetof(struct seccomp_data, arch));
  filter.IfEqualSkip(AUDIT_ARCH_X86_64, 1);
  filter.Return(SECCOMP_RET_KILL_PROCESS);
  filter.LoadCallNumber();
  filter.AllowCall(SYS_futex);
  filter.AllowCall(SYS_sched_yield);
  filter.AllowCallFrom(SYS_sendto, hone_sandbox_send_return, socket);
  filter.AllowCallFrom(SYS_recvfrom, hone_sandbox_receive_return, socket);
  for (int number : {SYS_exit,
                     SYS_exit_group,
                     SYS_rt_sigreturn,
                     SYS_restart_syscall,
                     SYS_brk,
                     SYS_munmap,
                     SYS_mprotect,
                     SYS_mremap,
                     SYS_madvise,
                     SYS_clock_gettime,
                     SYS_gettimeofday,
                     SYS_getcpu,
                     SYS_getrusage,
                     SYS_getpid,
                     SYS_gettid,
                     SYS_sched_getaffinity,
                     SYS_sched_setaffinity,
                     SYS_set_robust_list,
                     SYS_rseq,
                     SYS_rt_sigprocmask}) {
    filter.AllowCall(number);
  }
  filter.AllowCallWhen(SYS_mmap, 3, MAP_ANONYMOUS, MAP_ANONYMOUS, SECCOMP_RET_TRAP);
  // Threads, never processes. clone3 hides its flags in memory: without it glibc falls back to clone.
  filter.AllowCallWhen(SYS_clone, 0, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM, SECCOMP_RET_TRAP);
  filter.UnlessEqualSkip(SYS_clone3, 1);
  filter.Return(SECCOMP_RET_ERRNO | ENOSYS);
  filter.Return(SECCOMP_RET_TRAP);
  return filter.Install();
}

// One system call instruction each, with the label that the filter compares with right after it.
__attribute__((noinline)) int64_t SandboxedSend(int socket, const void* data, uint64_t bytes) {
  int64_t result;
  register int64_t flags __asm__("r10") = 0x4000;  // MSG_NOSIGNAL
  register int64_t address __asm__("r8") = 0;
  register int64_t address_bytes __asm__("r9") = 0;
  __asm__ volatile(
      "syscall\n"
      ".globl hone_sandbox_send_return\n"
      "hone_sandbox_send_return:\n"
      : "=a"(result)
      : "a"(int64_t{SYS_sendto}), "D"(int64_t{socket}), "S"(data), "d"(bytes), "r"(flags), "r"(address),
        "r"(address_bytes)
      : "rcx", "r11", "memory");
  return result;
}

__attribute__((noinline)) int64_t SandboxedReceive(int socket, void* data, uint64_t bytes) {
  int64_t result;
  register int64_t flags __asm__("r10") = 0;
  register int64_t address __asm__("r8") = 0;
  register int64_t address_bytes __asm__("r9") = 0;
  __asm__ volatile(
      "syscall\n"
      ".globl hone_sandbox_receive_return\n"
      "hone_sandbox_receive_return:\n"
      : "=a"(result)
      : "a"(int64_t{SYS_recvfrom}), "D"(int64_t{socket}), "S"(data), "d"(bytes), "r"(flags), "r"(address),
        "r"(address_bytes)
      : "rcx", "r11", "memory");
  return result;
}

}  // namespace hone::runner
