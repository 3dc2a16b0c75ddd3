// Clocks and throttling of a GPU and the driver's release, where NVIDIA's management library is there.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace hone::runner::cuda {

struct GpuState {
  bool known = false;
  double sm_ghz = 0;
  uint64_t throttle_reasons = 0;  // As NVML gives them.
  // Slowed by heat or by the board's power brake: timings of now say little. A power cap that the chip keeps to is its
  // normal working.
  bool throttled() const { return (throttle_reasons & (0x8 | 0x20 | 0x40 | 0x80)) != 0; }
};

class Nvml {
 public:
  // For the device with this UUID ("2af…", as the driver gives it). Never null; without the library ($HONE_NVML where
  // that is set, else libnvidia-ml.so.1) nothing is known.
  static std::unique_ptr<Nvml> Open(const std::string& uuid);
  GpuState Read() const;
  // Of the driver, "580.65.06"; empty when it is not known.
  const std::string& driver_release() const { return driver_release_; }

 private:
  Nvml() = default;
  std::string driver_release_;
  void* device_ = nullptr;
  int (*clock_)(void*, int, unsigned*) = nullptr;
  int (*reasons_)(void*, unsigned long long*) = nullptr;
};

}  // namespace hone::runner::cuda
