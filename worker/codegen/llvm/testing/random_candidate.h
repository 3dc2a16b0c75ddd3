// For tests: small programs under random schedules.
#pragma once

#include <cstdint>
#include <string>

#include "common/ir/module.h"

namespace hone::codegen {

struct RandomCandidate {
  ir::IRModule original;
  ir::IRModule scheduled;
  std::string description;  // The program and the primitives that were accepted.
};

// The same for the same seed.
RandomCandidate MakeRandomCandidate(uint64_t seed);

}  // namespace hone::codegen
