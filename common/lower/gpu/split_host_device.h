// A lowered program taken apart into what runs on the host and its kernels.
#pragma once

#include "absl/status/statusor.h"
#include "common/ir/module.h"

namespace hone::lower {

// `lowered` is what Lower gave for a GPU. Every outermost thread_extent becomes a function of its own, called after the
// entry function with _kernel, _kernel_1, ... behind: its parameters are the variables that it uses and does not
// define, pointers first, then by name; tir.kernel_launch_params lists its thread axes in the order of their first
// appearance (and tir.use_dyn_shared_memory when it has such memory), calling_conv is 2. The host calls it through
// tvm_call_packed(name, arguments..., extents of the axes..., bytes of dynamic shared memory). InvalidArgument for a
// module without an entry function. New nodes live in an arena of the result's own, which keeps the input alive.
absl::StatusOr<ir::IRModule> SplitHostDevice(const ir::IRModule& lowered);

}  // namespace hone::lower
