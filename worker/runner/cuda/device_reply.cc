#include "worker/runner/cuda/device_reply.h"

#include <algorithm>
#include <cmath>

#include "common/support/strings.h"

namespace hone::runner::cuda {
namespace {

template <size_t kSize>
void End(char (&text)[kSize]) {
  text[kSize - 1] = 0;
}

bool IsTime(double secs) { return std::isfinite(secs) && secs >= 0; }

std::string CheckTimes(const DeviceReply& reply, uint32_t fewest) {
  if (reply.samples < fewest || reply.samples > static_cast<uint32_t>(kMaxSamples)) {
    return StrCat(reply.samples, " samples, expected ", fewest, " to ", kMaxSamples);
  }
  if (!std::all_of(reply.seconds, reply.seconds + reply.samples, IsTime) || !IsTime(reply.total_seconds)) {
    return "a time that is none";
  }
  return "";
}

std::string CheckDescription(const DeviceDescription& device) {
  constexpr int kMaxDevices = 1024;
  if (device.devices < 1 || device.devices > kMaxDevices) return StrCat(device.devices, " devices");
  if (device.capability_major < 1 || device.capability_major > 99 || device.capability_minor < 0 ||
      device.capability_minor > 9) {
    return StrCat("compute capability ", device.capability_major, ".", device.capability_minor);
  }
  if (device.multiprocessors < 1) return StrCat(device.multiprocessors, " multiprocessors");
  return "";
}

}  // namespace

std::string CheckReply(DeviceOp op, DeviceReply& reply) {
  End(reply.message);
  End(reply.device.name);
  End(reply.device.uuid);
  End(reply.device.layers);
  if (reply.result != 0) return "";
  switch (op) {
    case DeviceOp::kOpen:
      return CheckDescription(reply.device);
    case DeviceOp::kRun:
    case DeviceOp::kTime:
      return CheckTimes(reply, 1);
    default:
      return CheckTimes(reply, 0);
  }
}

}  // namespace hone::runner::cuda
