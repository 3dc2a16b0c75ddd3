// What a compile child does with one request: parse, replay, lower, compile.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/measure/builder.h"
#include "worker/builder/compile_pool.h"

namespace hone::builder {

// Errors carry their failure kind: kParse for the workload, kSchedule for the trace (the message names the
// instruction), kBuild for the target, lowering and LLVM. When `probe` knows the key of the lowered module, LLVM is
// spared and the artifact has only its key.
absl::StatusOr<Artifact> BuildOne(const BuildRequest& request, const ArtifactProbe& probe);

// Kinds of target that this program can compile for on this machine: "llvm" when it carries LLVM, "cuda" when NVRTC is
// found. Opens NVRTC.
std::vector<std::string> BuildableKinds();

// Loads and initialises what every build needs, so that children are forked ready.
void WarmUpCompiler();
// The same for targets of kind cuda: maps NVRTC, where there is one.
void WarmUpCudaCompiler();

}  // namespace hone::builder
