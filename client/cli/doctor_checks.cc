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
#include <string>
#include <thread>

#include "common/support/file.h"
#include "common/support/strings.h"
#include "common/target/host.h"
#include "worker/codegen/cuda/nvrtc.h"
#include "worker/runner/cuda/driver.h"

namespace hone::cli {
namespace {

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
  const std::string governor = FirstLineOf("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
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

Finding CheckThreads() {
  constexpr char kLibrary[] = "libgomp.so.1";
  void* handle = dlopen(kLibrary, RTLD_LAZY | RTLD_LOCAL);
  if (handle == nullptr) return {"kernels' threads", Health::kBad, "libgomp.so.1 is missing: install libgomp1"};
  dlclose(handle);
  return {"kernels' threads", Health::kGood, kLibrary};
}

// As the runner opens it.
Finding CheckCudaDriver() {
  std::string error;
  const runner::cuda::Driver* driver = runner::cuda::OpenDriver(&error);
  if (driver == nullptr) return {"cuda driver", Health::kNote, error + "; this machine cannot run CUDA kernels"};
  int version = 0;
  driver->cuDriverGetVersion(&version);
  return {"cuda driver", Health::kGood, StrCat("for CUDA ", version / 1000, ".", version % 1000 / 10)};
}

// As the builder opens it.
Finding CheckCudaCompiler() {
  absl::StatusOr<std::string> version = codegen::NvrtcVersion();
  if (version.ok()) return {"cuda compiler", Health::kGood, StrCat("NVRTC ", *version)};
  return {"cuda compiler", Health::kNote,
          StrCat(version.status().message(), "; this machine cannot build CUDA kernels")};
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
      CheckCpu(),        CheckMemory(),  CheckClock(),      CheckDisk(),         CheckSeccomp(),
      CheckNamespaces(), CheckThreads(), CheckCudaDriver(), CheckCudaCompiler(),
  };
}

}  // namespace hone::cli
