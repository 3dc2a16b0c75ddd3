// Runs a program through lowering and compares it with the original after every pass, in the interpreter.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "common/interp/interpreter.h"
#include "common/lower/lower.h"

namespace hone::lower {

// The machines that tests lower for: AVX-512, AVX2 and SSE.
inline std::vector<MachineTraits> TestMachines() {
  return {{"llvm", 512, 32, true}, {"llvm", 256, 16, false}, {"llvm", 128, 16, false}};
}

// Fails the test when a pass changes what `module` computes.
inline void ExpectEveryPassKeeps(const ir::IRModule& module, const MachineTraits& machine, uint64_t seed) {
  const auto lowered = LowerFor(module, machine, [&](std::string_view pass, ir::PrimFunc func) {
    auto arena = std::make_shared<ir::Arena>();
    ir::ArenaScope scope(arena);
    const ir::IRModule after = ir::ModuleOf(arena, func);
    const absl::Status same = interp::ExpectSameResults(module, after, seed);
    EXPECT_TRUE(same.ok()) << "after " << pass << " (seed " << seed << "): " << same;
  });
  EXPECT_TRUE(lowered.ok()) << lowered.status();
}

}  // namespace hone::lower
