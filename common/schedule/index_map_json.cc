#include "common/schedule/index_map_json.h"

#include "common/script/graph_json.h"

namespace hone::schedule {

std::string IndexMapToJson(const ir::IndexMapNode* map) { return script::SaveIndexMapJson(map); }

std::string IndexMapToJson(const ir::IndexMapNode* map, RenameForJson rename) {
  auto renamed = [&](std::string_view name) { return std::string(rename(name)); };
  return script::SaveIndexMapJson(map, renamed);
}

absl::StatusOr<const ir::IndexMapNode*> IndexMapFromJson(std::string_view json) {
  return script::LoadIndexMapJson(json);
}

absl::StatusOr<const ir::IndexMapNode*> IndexMapFromJson(std::string_view json, RenameFromJson rename) {
  return script::LoadIndexMapJson(json, rename);
}

}  // namespace hone::schedule
