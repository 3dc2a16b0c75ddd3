// Gives a program that nobody scheduled a place on a GPU: one thread an element. Slow, and right for as long as it can
// be read: references of large workloads are made by it.
#pragma once

#include "absl/status/statusor.h"
#include "common/ir/module.h"

namespace hone::builder {

// True when some loop of the entry function is bound to threads already.
bool HasThreadBinding(const ir::IRModule& module);

// Every block's spatial loops are fused and spread over blockIdx.x and threadIdx.x; reductions stay serial. A block
// without spatial loops gets a launch of one thread. FailedPrecondition when a loop nest does not allow that.
absl::StatusOr<ir::IRModule> BindNaively(const ir::IRModule& module);

}  // namespace hone::builder
