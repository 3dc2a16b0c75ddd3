#include "common/schedule/index_map_json.h"

namespace hone::schedule {

std::string IndexMapToJson(const ir::IndexMapNode*) { return "{}"; }
std::string IndexMapToJson(const ir::IndexMapNode*, RenameForJson) { return "{}"; }
absl::StatusOr<const ir::IndexMapNode*> IndexMapFromJson(std::string_view) {
  return absl::UnimplementedError("index maps in traces need the node-graph JSON");
}
absl::StatusOr<const ir::IndexMapNode*> IndexMapFromJson(std::string_view json, RenameFromJson) {
  return IndexMapFromJson(json);
}

}  // namespace hone::schedule
