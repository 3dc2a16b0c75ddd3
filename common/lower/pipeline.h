// The order of the passes.
#pragma once

#include "absl/types/span.h"
#include "common/lower/pass.h"

namespace hone::lower {

// Every pass that a CPU program goes through, in order; a name may occur more than once.
absl::Span<const Pass> CpuPipeline();
// The same for programs with thread bindings.
absl::Span<const Pass> GpuPipeline();
// Of a kind of target.
absl::Span<const Pass> PipelineOf(std::string_view kind);

}  // namespace hone::lower
