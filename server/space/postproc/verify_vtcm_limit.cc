#include "server/space/postproc/verify_vtcm_limit.h"

#include "common/lower/gpu/verify_dma.h"
#include "common/support/strings.h"

namespace hone {

absl::Status VerifyVtcmLimit::Initialize(const SpaceContext& context) {
  if (context.target.kind() != "hexagon") {
    return absl::InvalidArgumentError(
        StrCat("VerifyVTCMLimit got a target of kind \"", context.target.kind(), "\", expected hexagon"));
  }
  capacity_bytes_ = context.target.GetInt("vtcm-capacity").value_or(0);
  return absl::OkStatus();
}

absl::StatusOr<bool> VerifyVtcmLimit::Apply(schedule::Schedule& sch) const {
  if (capacity_bytes_ <= 0) return true;
  const ir::IRModule module = sch.module();
  auto arena = std::make_shared<ir::Arena>();
  arena->KeepAlive(module.arena());
  const ir::ArenaScope scope(arena);
  for (const ir::ModuleEntry& entry : module->functions) {
    const auto* func = ir::As<ir::PrimFuncNode>(entry.function);
    if (func != nullptr && !lower::FitsVtcm(func, capacity_bytes_)) return false;
  }
  return true;
}

}  // namespace hone
