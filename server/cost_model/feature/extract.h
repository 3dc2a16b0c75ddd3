// Features of a scheduled module (after the postprocs): pre-processing passes, then per-store features.
#pragma once

#include "absl/status/statusor.h"
#include "common/ir/module.h"
#include "server/cost_model/features.h"

namespace hone {

// `is_gpu`: the target's keys contain "gpu". Errors are the passes'.
absl::StatusOr<FeatureMatrix> ExtractFeatures(const ir::IRModule& module, bool is_gpu);

// The module as the features are computed on it (reference/costmodel.md section 5.1).
absl::StatusOr<ir::IRModule> PreprocessForFeatures(const ir::IRModule& module);

}  // namespace hone
