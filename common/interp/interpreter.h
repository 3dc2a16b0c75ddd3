// The reference interpreter: runs any function of any module, before or after any schedule or lowering pass, on
// concrete tensors. It is the oracle of every test that changes programs, so it is written for clarity first and checks
// what a machine would not: every access lies inside its buffer, fresh memory holds NaN or -1, steps are bounded.
//
// Semantics worth naming:
//  * A block's init runs when all its reduce iters are at their domain's minimum.
//  * Thread-bound `for` loops run one iteration after the other, unless threads meet below (a barrier, an all-reduce, a
//    warp operation): then, and for a launch in lowered form (thread_extent attributes), one fibre a thread of a thread
//    block runs, switched where threads meet. Blocks of a grid and virtual threads always run one after the other.
//  * Threads of a block must meet at the same barrier; shared memory is one a block, "warp" one a warp, "local" and
//    fragments one a thread. What cp.async copies arrives when a wait asks for it, and not before.
//  * Matrix instructions (wmma, ldmatrix, mma), dot products of x86, Arm, Hexagon and GPUs and Hexagon's DMA compute
//    what the descriptions of their intrinsics say (matrix_ops.h).
//  * Select evaluates only the branch taken; an out-of-range access in the other is not an error.
//  * Arithmetic is done in 64-bit integers wrapped to the dtype, or doubles rounded to the dtype after every operation.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/interp/tensor.h"
#include "common/ir/module.h"

namespace hone::interp {

struct Options {
  int64_t max_steps = int64_t{1} << 33;  // Statements executed.
};

// Runs `function` with one tensor a buffer parameter, in order, updated in place; scalar parameters take their value
// from a tensor of shape []. InvalidArgument when a tensor does not fit its parameter; OutOfRange for an access outside
// of a buffer; Unimplemented for an operation without a reference meaning, naming it.
absl::Status Interpret(const ir::IRModule& module, std::string_view function, absl::Span<Tensor> args,
                       const Options& options = {});
// The entry function of the module.
absl::Status Interpret(const ir::IRModule& module, absl::Span<Tensor> args, const Options& options = {});

// Tensors for the parameters of the entry function, filled at random from `seed`. Parameters need constant shapes.
absl::StatusOr<std::vector<Tensor>> RandomArgs(const ir::IRModule& module, uint64_t seed);

// Runs both entry functions on the same random inputs and compares all parameters afterwards. `reduction_length` sets
// the tolerance for floats. OK when equal; FailedPrecondition with the parameter, the element and both values when not.
absl::Status ExpectSameResults(const ir::IRModule& before, const ir::IRModule& after, uint64_t seed,
                               int64_t reduction_length = 1024);

}  // namespace hone::interp
