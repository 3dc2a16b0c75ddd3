#include "server/cost_model/feature/direct/direct_features.h"

#include "server/cost_model/feature/direct/rows.h"
#include "server/cost_model/feature/extract.h"

namespace hone {

absl::StatusOr<FeatureMatrix> ExtractFeaturesFast(const ir::IRModule& module, bool is_gpu, bool* direct) {
  direct::ProgramReading reading;
  return ExtractFeaturesFast(module, is_gpu, reading, direct);
}

absl::StatusOr<FeatureMatrix> ExtractFeaturesFast(const ir::IRModule& module, bool is_gpu,
                                                  direct::ProgramReading& reading, bool* direct) {
  if (direct != nullptr) *direct = false;
  const ir::PrimFuncNode* func = nullptr;
  int functions = 0;
  for (const ir::ModuleEntry& entry : module->functions) {
    func = ir::As<ir::PrimFuncNode>(entry.function);
    ++functions;
  }
  if (functions != 1 || func == nullptr) return ExtractFeatures(module, is_gpu);
  const direct::Program* program = reading.Of(func);
  if (program == nullptr) return ExtractFeatures(module, is_gpu);
  if (direct != nullptr) *direct = true;
  return direct::FeatureRows(*program, is_gpu);
}

}  // namespace hone
