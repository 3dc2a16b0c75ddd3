// Whether a scheduled program fits a GPU, told from its numbers without lowering it.
#pragma once

#include "common/ir/module.h"
#include "common/lower/gpu/verify_gpu.h"
#include "server/cost_model/feature/direct/program.h"
#include "server/cost_model/feature/direct/reading.h"

namespace hone::direct {

enum class Verdict { kFits, kDoesNotFit, kUnknown };

// What lower::FitsGpu says of the function that `program` was read from, where that can be told; does not look at the
// threads that blocks ask for (lower::ThreadsFit).
Verdict FitsLimits(const Program& program, const lower::GpuLimits& limits);

// As lower::FitsGpu, by the numbers where these tell; `direct`, when not null, tells whether they did. Builds nodes in
// the current arena.
bool FitsGpuFast(ir::PrimFunc func, const lower::GpuLimits& limits, bool* direct = nullptr);
// The same; what fits is read as the features read it, for whom the reading is left.
bool FitsGpuFast(ir::PrimFunc func, const lower::GpuLimits& limits, ProgramReading& reading, bool* direct = nullptr);

}  // namespace hone::direct
