#include "worker/runner/cuda/nvml.h"

#include <dlfcn.h>

#include <cstdlib>

#include "common/support/strings.h"

namespace hone::runner::cuda {
namespace {

void* OpenLibrary() {
  if (const char* chosen = std::getenv("HONE_NVML"); chosen != nullptr && *chosen != 0) {
    return dlopen(chosen, RTLD_NOW | RTLD_LOCAL);
  }
  for (const char* place : {"libnvidia-ml.so.1", "/usr/local/nvidia/lib64/libnvidia-ml.so.1"}) {
    if (void* handle = dlopen(place, RTLD_NOW | RTLD_LOCAL)) return handle;
  }
  return nullptr;
}

}  // namespace

std::unique_ptr<Nvml> Nvml::Open(const std::string& uuid) {
  std::unique_ptr<Nvml> nvml(new Nvml());
  void* handle = OpenLibrary();
  if (handle == nullptr) return nvml;
  // "NVML API Reference Guide".
  auto* init = reinterpret_cast<int (*)()>(dlsym(handle, "nvmlInit_v2"));
  auto* find = reinterpret_cast<int (*)(const char*, void**)>(dlsym(handle, "nvmlDeviceGetHandleByUUID"));
  auto* clock = reinterpret_cast<int (*)(void*, int, unsigned*)>(dlsym(handle, "nvmlDeviceGetClockInfo"));
  auto* reasons =
      reinterpret_cast<int (*)(void*, unsigned long long*)>(dlsym(handle, "nvmlDeviceGetCurrentClocksThrottleReasons"));
  auto* release = reinterpret_cast<int (*)(char*, unsigned)>(dlsym(handle, "nvmlSystemGetDriverVersion"));
  if (init == nullptr || init() != 0) return nvml;
  char text[80] = {};  // NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE.
  if (release != nullptr && release(text, sizeof(text) - 1) == 0) nvml->driver_release_ = text;
  if (find == nullptr || clock == nullptr) return nvml;
  void* device = nullptr;
  if (find(StrCat("GPU-", uuid).c_str(), &device) != 0) return nvml;
  nvml->device_ = device;
  nvml->clock_ = clock;
  nvml->reasons_ = reasons;
  return nvml;
}

GpuState Nvml::Read() const {
  GpuState state;
  if (device_ == nullptr) return state;
  constexpr int kSmClock = 1;
  unsigned mhz = 0;
  unsigned long long reasons = 0;
  state.known = clock_(device_, kSmClock, &mhz) == 0;
  state.sm_ghz = mhz * 1e-3;
  if (reasons_ != nullptr && reasons_(device_, &reasons) == 0) state.throttle_reasons = reasons;
  return state;
}

}  // namespace hone::runner::cuda
