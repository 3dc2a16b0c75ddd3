#include "server/space/postproc/disallow_async_strided_mem_copy.h"

#include "common/lower/gpu/verify_dma.h"

namespace hone {

absl::StatusOr<bool> DisallowAsyncStridedMemCopy::Apply(schedule::Schedule& sch) const {
  const ir::IRModule module = sch.module();
  auto arena = std::make_shared<ir::Arena>();
  arena->KeepAlive(module.arena());
  const ir::ArenaScope scope(arena);
  for (const ir::ModuleEntry& entry : module->functions) {
    const auto* func = ir::As<ir::PrimFuncNode>(entry.function);
    if (func != nullptr && !lower::AsyncCopiesAreContiguous(func)) return false;
  }
  return true;
}

}  // namespace hone
