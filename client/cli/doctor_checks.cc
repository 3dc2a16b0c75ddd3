#include "client/cli/doctor_checks.h"

#include <dlfcn.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>

#include "common/support/strings.h"
#include "common/target/host.h"

namespace hone::cli {
namespace {

std::string FirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

Finding CheckCpu() {
  const Target host = DetectHost();
  const int cores = UsablePhysicalCores();
  const unsigned threads = std::thread::hardware_concurrency();
  std::string text = StrCat(host.ToString(), "; ", cores, " physical cores, ", threads, " hardware threads");
  if (cores < 2) return {"cpu", Health::kNote, text + "; with one core, building and searching pause while measuring"};
  return {"cpu", Health::kGood, text};
}

Finding CheckMemory() {
  struct sysinfo info = {};
  sysinfo(&info);
  const double gib = double(info.totalram) * info.mem_unit / (1 << 30);
  const std::string text = StrCat(static_cast<int64_t>(gib * 10) / 10.0, " GiB");
  if (gib < 4) return {"memory", Health::kNote, text + "; compile children may need up to 4 GiB each"};
  return {"memory", Health::kGood, text};
}

Finding CheckClock() {
  const std::string governor = FirstLine("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  if (governor.empty())
    return {"clock", Health::kNote, "frequency is not visible (virtual machine?): timings are probed"};
  if (governor != "performance") {
    return {"clock", Health::kNote, StrCat("governor is \"", governor, "\"; \"performance\" gives steadier timings")};
  }
  return {"clock", Health::kGood, "governor is performance"};
}

Finding CheckSeccomp() {
  errno = 0;
  if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0) {
    return {"sandbox: seccomp", Health::kNote, "not available; candidates run without a system-call filter"};
  }
  return {"sandbox: seccomp", Health::kGood, "available"};
}

// Tries in a child, so that this process keeps its namespaces.
Finding CheckNamespaces() {
  const pid_t child = fork();
  if (child == 0) {
    const int flags = CLONE_NEWNET | (geteuid() == 0 ? 0 : CLONE_NEWUSER);
    _exit(unshare(flags) == 0 ? 0 : 1);
  }
  int status = 1;
  if (child > 0) waitpid(child, &status, 0);
  if (status != 0) {
    return {"sandbox: network namespace", Health::kNote,
            "not available; the system-call filter forbids sockets instead"};
  }
  return {"sandbox: network namespace", Health::kGood, "available"};
}

Finding CheckLibrary(const char* subject, std::initializer_list<const char*> names, Health when_missing,
                     const char* missing_text) {
  for (const char* name : names) {
    if (void* handle = dlopen(name, RTLD_LAZY | RTLD_LOCAL); handle != nullptr) {
      dlclose(handle);
      return {subject, Health::kGood, name};
    }
  }
  return {subject, when_missing, missing_text};
}

Finding CheckDisk() {
  const char* home = std::getenv("HOME");
  const std::string path = home != nullptr ? home : "/";
  struct statvfs info = {};
  if (statvfs(path.c_str(), &info) != 0) return {"disk", Health::kBad, StrCat(path, ": ", std::strerror(errno))};
  const uint64_t gib = uint64_t{info.f_bavail} * info.f_frsize >> 30;
  const std::string text = StrCat(gib, " GiB free in ", path);
  return {"disk", gib < 2 ? Health::kBad : Health::kGood, text};
}

}  // namespace

std::vector<Finding> CheckMachine() {
  return {
      CheckCpu(),
      CheckMemory(),
      CheckClock(),
      CheckDisk(),
      CheckSeccomp(),
      CheckNamespaces(),
      CheckLibrary("kernels' threads", {"libgomp.so.1"}, Health::kBad, "libgomp.so.1 is missing: install libgomp1"),
      CheckLibrary("cuda driver", {"libcuda.so.1"}, Health::kNote, "no driver: this machine cannot run CUDA kernels"),
      CheckLibrary("cuda compiler", {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"}, Health::kNote,
                   "no NVRTC: this machine cannot build CUDA kernels"),
  };
}

}  // namespace hone::cli
