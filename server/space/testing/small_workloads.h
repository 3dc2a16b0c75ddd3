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

// A complete target whose rule kind is `kind`; CHECK-fails for an unknown kind.
std::string_view TargetOfKind(std::string_view kind);

}  // namespace hone
