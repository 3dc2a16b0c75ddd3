// The passes that only programs with thread bindings need, each described in its .cc file.
#pragma once

#include "common/lower/pass.h"

namespace hone::lower {

#define HONE_DECLARE_PASS(name) absl::StatusOr<ir::PrimFunc> name(ir::PrimFunc func, const PassContext& context)

// While blocks exist.
HONE_DECLARE_PASS(LowerCrossThreadReduction);
HONE_DECLARE_PASS(LiftThreadBinding);
HONE_DECLARE_PASS(ManifestSharedMemoryLocalStage);
HONE_DECLARE_PASS(UnifyThreadBinding);
// On flat memory.
HONE_DECLARE_PASS(ThreadSync);
HONE_DECLARE_PASS(InferFragment);
HONE_DECLARE_PASS(LowerThreadAllreduce);
HONE_DECLARE_PASS(InjectPTXAsyncCopy);
HONE_DECLARE_PASS(SharePipelineBarrier);
HONE_DECLARE_PASS(MergeSharedMemoryAllocations);

#undef HONE_DECLARE_PASS

}  // namespace hone::lower
