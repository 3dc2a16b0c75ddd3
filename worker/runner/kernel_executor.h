// Runs kernels for what they compute, not for how fast.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/measure/builder.h"

namespace hone::runner {

// Thread-safe.
class KernelExecutor {
 public:
  virtual ~KernelExecutor() = default;
  // Calls `artifact` once on a copy of `contents` (one string a parameter, of its size) and returns what it left there.
  // Internal with the failure's text when the kernel fails, DeadlineExceeded when it does not end within `timeout`,
  // Unavailable without a device.
  virtual absl::StatusOr<std::vector<std::string>> Execute(const Artifact& artifact,
                                                           const std::vector<std::string>& contents,
                                                           absl::Duration timeout) = 0;
};

}  // namespace hone::runner
