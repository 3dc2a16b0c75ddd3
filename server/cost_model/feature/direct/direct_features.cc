#include "server/cost_model/feature/direct/direct_features.h"

#include "server/cost_model/feature/direct/program.h"
#include "server/cost_model/feature/direct/rows.h"
#include "server/cost_model/feature/extract.h"

namespace hone {

absl::StatusOr<FeatureMatrix> ExtractFeaturesFast(const ir::IRModule& module, bool is_gpu, bool* direct) {
  if (direct != nullptr) *direct = false;
  const ir::PrimFuncNode* func = nullptr;
  int functions = 0;
  for (const ir::ModuleEntry& entry : module->functions) {
    func = ir::As<ir::PrimFuncNode>(entry.function);
    ++functions;
  }
  if (functions != 1 || func == nullptr) return ExtractFeatures(module, is_gpu);
  // Expressions that need simplifying live as long as the reading.
  ir::Arena arena;
  const ir::ArenaScope scope(arena);
  direct::Program program;
  if (!direct::ReadProgram(func, program)) return ExtractFeatures(module, is_gpu);
  if (direct != nullptr) *direct = true;
  return direct::FeatureRows(program, is_gpu);
}

}  // namespace hone
