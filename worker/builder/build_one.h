// What a compile child does with one request: parse, replay, lower, compile.
#pragma once

#include "absl/status/statusor.h"
#include "common/measure/builder.h"
#include "worker/builder/compile_pool.h"

namespace hone::builder {

// Errors carry their failure kind: kParse for the workload, kSchedule for the trace (the message names the
// instruction), kBuild for the target, lowering and LLVM. When `probe` knows the key of the lowered module, LLVM is
// spared and the artifact has only its key.
absl::StatusOr<Artifact> BuildOne(const BuildRequest& request, const ArtifactProbe& probe);

// Loads and initialises what every build needs, so that children are forked ready.
void WarmUpCompiler();
// The same for targets of kind cuda: maps NVRTC, where there is one.
void WarmUpCudaCompiler();

}  // namespace hone::builder
