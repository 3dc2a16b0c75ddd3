#include "worker/runner/crash_report.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "absl/strings/str_format.h"
#include "common/support/strings.h"
#include "worker/runner/sandbox.h"

namespace hone::runner {
namespace {

std::string SignalName(int signal) {
  const char* name = sigabbrev_np(signal);
  return name == nullptr ? StrCat("signal ", signal) : StrCat("SIG", name);
}

std::string DescribeFault(int signal, const FaultNote& note) {
  if (signal == SIGSYS) {
    if (note.syscall == SYS_tgkill) return "the kernel called abort()";
    return StrCat("the kernel made the system call ", SystemCallName(note.syscall), ", which the sandbox forbids");
  }
  std::string text = StrCat("the kernel died by ", SignalName(signal));
  if (signal == SIGSEGV || signal == SIGBUS) {
    StrAppend(&text, note.is_write != 0 ? " writing " : " reading ", absl::StrFormat("address %#x", note.address));
    if (note.buffer >= 0)
      StrAppend(&text, " (near parameter ", note.buffer, ", offset ", note.buffer_offset, " bytes)");
  }
  return text;
}

}  // namespace

std::string DescribePlace(int parameter, int64_t offset, uint64_t bytes) {
  if (offset < 0) return StrCat(-offset, " bytes before the start of parameter ", parameter);
  return StrCat(offset - static_cast<int64_t>(bytes), " bytes after the end of parameter ", parameter);
}

Failure DescribeCrash(const ProcessEnd& end, const FaultNote& note) {
  std::string text;
  if (WIFEXITED(end.status)) {
    const int code = WEXITSTATUS(end.status);
    text = code > kFaultExitBase && note.signal == code - kFaultExitBase
               ? DescribeFault(note.signal, note)
               : StrCat("the kernel ended its process with exit status ", code);
  } else if (WIFSIGNALED(end.status) && WTERMSIG(end.status) == SIGXCPU) {
    text = "the kernel used up its CPU time";
  } else if (WIFSIGNALED(end.status)) {
    text = StrCat("the kernel's process was killed by ", SignalName(WTERMSIG(end.status)));
  }
  if (note.refused_bytes > 0) {
    StrAppend(&text, "; before, an allocation of ", note.refused_bytes, " bytes was refused by the memory limit");
  }
  return {FailureKind::kCrash, text};
}

}  // namespace hone::runner
