#include "server/space/postproc/verify_gpu_code.h"

#include <algorithm>

#include "common/support/strings.h"
#include "common/target/cuda_limits.h"
#include "common/target/rule_kind.h"
#include "server/cost_model/feature/direct/gpu_limits.h"

namespace hone {
absl::Status VerifyGpuCode::Initialize(const SpaceContext& context) {
  const auto limit = [&](std::string_view name) { return context.target.GetInt(name); };
  const std::optional<int64_t> shared = limit("max_shared_memory_per_block");
  const std::optional<int64_t> threads = limit("max_threads_per_block");
  if (!shared.has_value() || !threads.has_value()) {
    return absl::InvalidArgumentError(StrCat(
        "target ", context.target.ToString(), " lacks ",
        shared.has_value() ? "max_threads_per_block" : "max_shared_memory_per_block", ", which VerifyGPUCode needs"));
  }
  limits_.shared_memory_bytes = *shared;
  if (context.target.kind() == "cuda" && SmVersion(context.target) > 0) {
    limits_.sm = SmVersion(context.target);
    limits_.launch_shared_bytes = CudaSharedMemoryPerBlock(limits_.sm);
  }
  if (of_device_ && context.target.kind() == "cuda") {
    limits_.shared_memory_bytes = std::max(*shared, CudaSharedMemoryPerBlock(SmVersion(context.target)));
    // 255 registers, some of which hold addresses and operands. Programs beyond are slower by orders of magnitude.
    constexpr int64_t kRegisters = 208;
    limits_.register_bytes = kRegisters * 4;
  }
  limits_.threads = *threads;
  limits_.warp_size = limit("thread_warp_size").value_or(limits_.warp_size);
  return absl::OkStatus();
}

absl::StatusOr<bool> VerifyGpuCode::Apply(schedule::Schedule& sch) const {
  return Verify(sch,
                [](ir::PrimFunc func, const lower::GpuLimits& limits) { return direct::FitsGpuFast(func, limits); });
}

absl::StatusOr<bool> VerifyGpuCode::ApplyLast(schedule::Schedule& sch, direct::ProgramReading& reading) const {
  return Verify(sch, [&](ir::PrimFunc func, const lower::GpuLimits& limits) {
    return direct::FitsGpuFast(func, limits, reading);
  });
}

absl::StatusOr<bool> VerifyGpuCode::ApplyByPasses(schedule::Schedule& sch) const { return Verify(sch, lower::FitsGpu); }

bool VerifyGpuCode::Verify(const schedule::Schedule& sch,
                           absl::FunctionRef<bool(ir::PrimFunc, const lower::GpuLimits&)> fits) const {
  const ir::IRModule module = sch.module();
  auto arena = std::make_shared<ir::Arena>();
  arena->KeepAlive(module.arena());
  const ir::ArenaScope scope(arena);
  for (const ir::ModuleEntry& entry : module->functions) {
    const auto* func = ir::As<ir::PrimFuncNode>(entry.function);
    if (func != nullptr && !fits(func, limits_)) return false;
  }
  return true;
}

}  // namespace hone
