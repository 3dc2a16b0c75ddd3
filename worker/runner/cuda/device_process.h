// The device process as the runner sees it: started, told what to do, killed.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/measure/failure.h"
#include "worker/runner/cuda/device_wire.h"
#include "worker/runner/shared_file.h"

namespace hone::runner::cuda {

// Not thread-safe. The process ends with this object.
class DeviceProcess {
 public:
  // Unavailable, with the reason, when there is no driver or no device `ordinal`.
  static absl::StatusOr<std::unique_ptr<DeviceProcess>> Start(int ordinal);
  ~DeviceProcess();
  DeviceProcess(const DeviceProcess&) = delete;
  DeviceProcess& operator=(const DeviceProcess&) = delete;

  // One command; `fd` (or -1) travels with it. kRunTimeout when `deadline` passes, kCrash when the process dies or a
  // kernel breaks the context, kRun for what can be refused without harm. After the first two the process is gone.
  std::optional<Failure> Execute(const DeviceCommand& command, int fd, absl::Time deadline, DeviceReply* reply);

  bool alive() const { return pid_ > 0; }
  const DeviceDescription& description() const { return description_; }
  pid_t pid() const { return pid_; }

 private:
  DeviceProcess(pid_t pid, int socket) : pid_(pid), socket_(socket) {}
  void Kill();

  pid_t pid_;
  int socket_;
  DeviceDescription description_ = {};
};

// Null when this machine has GPUs and a driver for them, as far as can be told without starting it; otherwise why not.
std::optional<std::string> WhyNoGpu();

}  // namespace hone::runner::cuda
