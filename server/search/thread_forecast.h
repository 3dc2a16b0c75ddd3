// Whether a trace's decisions ask for threads that VerifyGPUCode refuses, told before the trace is replayed.
#pragma once

#include "common/lower/gpu/verify_gpu.h"
#include "common/schedule/replay.h"
#include "common/schedule/schedule.h"

namespace hone {

// True when the replay of `trace` with its decisions is sure to fail or to end in a program whose threads do not fit
// `limits`: blocks that say how many threads they want (as multi-level tiling annotates them) are under loops whose
// extents follow from the decisions, and no instruction changes that any more. False when they fit or nothing is sure.
// `begun` has replayed the first instructions, up to a sampling one, with `map`: it knows the extents of the loops.
bool AreThreadsSureToMisfit(const schedule::Trace& trace, const schedule::Schedule& begun, const schedule::RvMap& map,
                            const lower::GpuLimits& limits);

}  // namespace hone
