#include "server/cost_model/feature/extract.h"

#include "common/lower/gpu/gpu_passes.h"
#include "common/lower/passes.h"
#include "common/lower/remove_weight_layout_rewrite.h"
#include "common/support/status_macros.h"
#include "server/cost_model/feature/per_store.h"
#include "server/cost_model/feature/simplify_for_features.h"
#include "server/cost_model/feature/simplify_pass.h"

namespace hone {
namespace {

absl::StatusOr<ir::PrimFunc> Preprocess(ir::PrimFunc func) {
  func = SimplifyForFeatures(lower::RemoveWeightLayoutRewriteBlock(func));
  lower::PassContext context;
  context.check_views = false;
  for (const lower::PassFunction pass :
       {lower::LowerCrossThreadReduction, lower::LowerInitBlock, lower::PlanAndUpdateBufferAllocationLocation,
        lower::ConvertBlocksToOpaque, lower::CompactBufferAllocation}) {
    HONE_ASSIGN_OR_RETURN(func, pass(func, context));
  }
  func = SimplifyPass(func);
  for (const lower::PassFunction pass : {lower::UnifyThreadBinding, lower::LowerMatchBuffer}) {
    HONE_ASSIGN_OR_RETURN(func, pass(func, context));
  }
  return SimplifyPass(func);
}

}  // namespace

absl::StatusOr<ir::IRModule> PreprocessForFeatures(const ir::IRModule& module) {
  auto arena = std::make_shared<ir::Arena>();
  arena->KeepAlive(module.arena());
  const ir::ArenaScope scope(arena);
  const ir::IRModuleNode* out = module.get();
  for (const ir::ModuleEntry& entry : module->functions) {
    const auto* func = ir::As<ir::PrimFuncNode>(entry.function);
    if (func == nullptr) continue;
    HONE_ASSIGN_OR_RETURN(const ir::PrimFunc lowered, Preprocess(func));
    out = ir::WithFunction(out, entry.var->name, lowered);
  }
  return ir::IRModule(arena, out);
}

absl::StatusOr<FeatureMatrix> ExtractFeatures(const ir::IRModule& module, bool is_gpu) {
  HONE_ASSIGN_OR_RETURN(const ir::IRModule lowered, PreprocessForFeatures(module));
  return PerStoreFeatures(lowered, is_gpu);
}

}  // namespace hone
