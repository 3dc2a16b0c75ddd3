// The order of the passes.
#pragma once

#include "absl/types/span.h"
#include "common/lower/pass.h"

namespace hone::lower {

// Every pass that a program for a kind of target goes through, in order; a name may occur more than once.
absl::Span<const Pass> PipelineOf(std::string_view kind);

}  // namespace hone::lower
