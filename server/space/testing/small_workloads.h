// The standard workloads on shapes that the interpreter gets through in milliseconds, each once with sizes that divide
// well and once with odd ones; and contractions that the tensor intrinsics of a kind compute.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/ir/module.h"

namespace hone {

struct SmallWorkload {
  std::string name;  // "C2D {1, 8, 8, 4, 8, 3, 1, 1}"
  ir::IRModule module;
};

// All 15 standard workloads, two sizes each. `for_gpu` as in StandardOptions.
std::vector<SmallWorkload> SmallStandardWorkloads(bool for_gpu);

// Contractions for the intrinsics of `kind`'s default rules; empty when these have none.
std::vector<SmallWorkload> TensorizableWorkloads(std::string_view kind);

// C[n, m] = A[n, k] * B[m, k] on float16, summed in `out`.
SmallWorkload HalfDense(std::string_view out, int64_t n, int64_t m, int64_t k);

// A transposition NCHW to NHWC that asks for the custom rule layout_transform.
SmallWorkload LayoutTransformWorkload();

// A complete target whose rule kind is `kind`; CHECK-fails for an unknown kind.
std::string_view TargetOfKind(std::string_view kind);

}  // namespace hone
