// Runs a program through lowering and compares it with the original in the interpreter; when they differ, names the
// first pass after which they do.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "common/interp/interpreter.h"
#include "common/lower/lower.h"

namespace hone::lower {

// The machines that tests lower for: AVX-512, AVX2 and SSE.
inline std::vector<MachineTraits> TestMachines() {
  return {{"llvm", 512, 32, true}, {"llvm", 256, 16, false}, {"llvm", 128, 16, false}};
}

inline void ExpectEveryPassKeeps(const ir::IRModule& module, const MachineTraits& machine, uint64_t seed) {
  std::vector<std::pair<std::string, ir::PrimFunc>> stages;
  const auto lowered =
      LowerFor(module, machine, [&](std::string_view pass, ir::PrimFunc func) { stages.emplace_back(pass, func); });
  ASSERT_TRUE(lowered.ok()) << lowered.status();
  const auto check = [&](ir::PrimFunc func) {
    auto arena = std::make_shared<ir::Arena>();
    ir::ArenaScope scope(arena);
    return interp::ExpectSameResults(module, ir::ModuleOf(arena, func), seed);
  };
  if (check(stages.back().second).ok()) return;
  for (const auto& [pass, func] : stages) {
    const absl::Status same = check(func);
    ASSERT_TRUE(same.ok()) << "after " << pass << " (seed " << seed << "): " << same;
  }
}

}  // namespace hone::lower
