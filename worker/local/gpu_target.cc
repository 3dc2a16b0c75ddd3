#include "worker/local/gpu_target.h"

#include <memory>
#include <string>

#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "worker/runner/cuda/device_process.h"

namespace hone {

absl::StatusOr<Target> CompleteGpuTarget(const Target& target) {
  if (target.kind() != "cuda") return target;
  Target out = target;
  if (!out.GetString("arch").has_value()) {
    if (std::optional<std::string> why = runner::cuda::WhyNoGpu()) {
      return absl::UnavailableError(
          StrCat("target cuda without arch (such as -arch=sm_90), and no GPU to ask: ", *why));
    }
    HONE_ASSIGN_OR_RETURN(const std::unique_ptr<runner::cuda::DeviceProcess> process,
                          runner::cuda::DeviceProcess::Start(0));
    const runner::cuda::DeviceDescription& device = process->description();
    HONE_ASSIGN_OR_RETURN(out, out.With("arch", StrCat("sm_", device.capability_major, device.capability_minor)));
    if (!out.GetInt("l2_cache_size_bytes").has_value() && device.l2_bytes > 0) {
      HONE_ASSIGN_OR_RETURN(out, out.With("l2_cache_size_bytes", StrCat(device.l2_bytes)));
    }
  }
  // "Technical specifications per compute capability".
  struct Limit {
    const char* name;
    const char* value;
  };
  constexpr Limit kLimits[] = {
      {"max_shared_memory_per_block", "49152"}, {"max_threads_per_block", "1024"}, {"registers_per_block", "65536"}};
  for (const Limit& limit : kLimits) {
    if (out.GetInt(limit.name).has_value()) continue;
    HONE_ASSIGN_OR_RETURN(out, out.With(limit.name, limit.value));
  }
  return out;
}

}  // namespace hone
