#include "common/script/infer_regions.h"

namespace hone::script {

absl::Status InferRegions(const ir::PrimFuncNode* func, const std::vector<MissingRegions>& missing,
                          const Source& source) {
  // The first block of a function is its root.
  const ir::BlockNode* root = nullptr;
  if (const auto* realize = func->body.as<ir::BlockRealizeNode>()) root = realize->block;
  for (const MissingRegions& item : missing) {
    if (item.block != root) return source.Error(item.at, "the block needs T.reads and T.writes");
  }
  return absl::OkStatus();
}

}  // namespace hone::script
