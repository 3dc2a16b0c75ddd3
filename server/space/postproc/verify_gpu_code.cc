#include "server/space/postproc/verify_gpu_code.h"

#include "common/support/strings.h"
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
  limits_.threads = *threads;
  limits_.warp_size = limit("thread_warp_size").value_or(limits_.warp_size);
  return absl::OkStatus();
}

absl::StatusOr<bool> VerifyGpuCode::Apply(schedule::Schedule& sch) const {
  return Verify(sch,
                [](ir::PrimFunc func, const lower::GpuLimits& limits) { return direct::FitsGpuFast(func, limits); });
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
