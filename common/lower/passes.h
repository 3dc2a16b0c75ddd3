// The passes, in the order of the pipeline; each is described in its .cc file.
#pragma once

#include "common/lower/pass.h"

namespace hone::lower {

#define HONE_DECLARE_PASS(name) absl::StatusOr<ir::PrimFunc> name(ir::PrimFunc func, const PassContext& context)

HONE_DECLARE_PASS(LowerInitBlock);
HONE_DECLARE_PASS(PlanAndUpdateBufferAllocationLocation);
HONE_DECLARE_PASS(ConvertBlocksToOpaque);
HONE_DECLARE_PASS(CompactBufferAllocation);
HONE_DECLARE_PASS(LowerMatchBuffer);
HONE_DECLARE_PASS(InjectSoftwarePipeline);
HONE_DECLARE_PASS(LowerOpaqueBlock);
HONE_DECLARE_PASS(FlattenBuffer);
HONE_DECLARE_PASS(LegalizeNarrowFloat);
HONE_DECLARE_PASS(NarrowDataType);
HONE_DECLARE_PASS(Simplify);
HONE_DECLARE_PASS(LoopPartition);
HONE_DECLARE_PASS(HoistReductionInit);
HONE_DECLARE_PASS(VectorizeFreeLoops);
HONE_DECLARE_PASS(SplitVectorLoop);
HONE_DECLARE_PASS(VectorizeLoop);
HONE_DECLARE_PASS(InjectVirtualThread);
HONE_DECLARE_PASS(InjectDoubleBuffer);
HONE_DECLARE_PASS(StorageRewrite);
HONE_DECLARE_PASS(HoistIfThenElse);
HONE_DECLARE_PASS(TileReduction);
HONE_DECLARE_PASS(UnrollLoop);
HONE_DECLARE_PASS(RegisterTile);
HONE_DECLARE_PASS(RemoveNoOp);
HONE_DECLARE_PASS(RewriteUnsafeSelect);
HONE_DECLARE_PASS(CommonSubexprElim);

#undef HONE_DECLARE_PASS

}  // namespace hone::lower
