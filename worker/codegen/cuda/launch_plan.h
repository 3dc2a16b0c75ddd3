// What a CUDA artifact holds besides its code: which kernels run in which order, on which grids, with which memory.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace hone::codegen {

struct KernelLaunch {
  std::string name;  // Symbol in the cubin.
  std::array<uint32_t, 3> grid = {1, 1, 1};
  std::array<uint32_t, 3> block = {1, 1, 1};
  uint32_t dynamic_shared_bytes = 0;
  // One a kernel parameter, in order: i >= 0 is parameter i of the program, -1 - j is temporary j.
  std::vector<int> args;
  // As ptxas reports them; 0 until the kernel is compiled.
  int registers = 0;
  int spill_bytes = 0;  // Stores and loads together.
  int stack_bytes = 0;
  int static_shared_bytes = 0;
};

struct LaunchPlan {
  std::vector<KernelLaunch> kernels;
  std::vector<uint64_t> temporary_bytes;  // Device memory between kernels; contents undefined at the start.
  std::string arch;                       // "sm_90".
};

// The bytes of an artifact of format "cubin": the plan as JSON, then the ELF image.
std::string EncodeCubin(const LaunchPlan& plan, std::string_view image);

struct DecodedCubin {
  LaunchPlan plan;
  std::string_view image;  // Points into what was decoded.
};
// DataLoss for bytes that EncodeCubin did not write, InvalidArgument for a plan that no device could run.
absl::StatusOr<DecodedCubin> DecodeCubin(std::string_view bytes);

}  // namespace hone::codegen
