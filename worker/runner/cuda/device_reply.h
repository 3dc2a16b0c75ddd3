// Whether a reply of the device process may be used. A kernel may have taken that process over: nothing in a reply is
// believed that the runner goes by.
#pragma once

#include <string>

#include "worker/runner/cuda/device_wire.h"

namespace hone::runner::cuda {

// Empty, or what is wrong with the reply to `op`. Ends the texts in it in any case.
std::string CheckReply(DeviceOp op, DeviceReply& reply);

}  // namespace hone::runner::cuda
