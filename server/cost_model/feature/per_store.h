// Per-store features (reference/costmodel.md section 5): a row of 164 numbers for every distinct stored buffer of a
// module that went through the feature pre-processing passes (see extract.h).
#pragma once

#include "common/ir/module.h"
#include "server/cost_model/features.h"

namespace hone {

struct PerStoreConfig {
  int buffers_per_store = 5;
  int arith_intensity_samples = 10;
  int cache_line_bytes = 64;

  // 164 with the defaults.
  int columns() const { return 57 + 18 * buffers_per_store + arith_intensity_samples + 4 + 3; }
};

// `is_gpu`: the target's keys contain "gpu".
FeatureMatrix PerStoreFeatures(const ir::IRModule& module, bool is_gpu, const PerStoreConfig& config = {});

}  // namespace hone
