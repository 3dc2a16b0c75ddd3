// Features by a direct path: the scheduled module is read once into numbers, without the lowering passes that
// ExtractFeatures runs; what is not of the plain form takes the way through ExtractFeatures. Both give the same bits.
#pragma once

#include "absl/status/statusor.h"
#include "common/ir/module.h"
#include "server/cost_model/feature/direct/reading.h"
#include "server/cost_model/features.h"

namespace hone {

// As ExtractFeatures; `direct`, when not null, tells whether the direct path was taken.
absl::StatusOr<FeatureMatrix> ExtractFeaturesFast(const ir::IRModule& module, bool is_gpu, bool* direct = nullptr);
// The same by a reading that others may have asked for before.
absl::StatusOr<FeatureMatrix> ExtractFeaturesFast(const ir::IRModule& module, bool is_gpu,
                                                  direct::ProgramReading& reading, bool* direct = nullptr);

}  // namespace hone
