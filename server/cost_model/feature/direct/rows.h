// The feature rows of a program, from numbers alone.
#pragma once

#include "server/cost_model/feature/direct/program.h"
#include "server/cost_model/features.h"

namespace hone::direct {

// 164 columns a row, as PerStoreFeatures gives them with its default configuration, bit for bit.
FeatureMatrix FeatureRows(const Program& program, bool is_gpu);

}  // namespace hone::direct
