// Index maps as the node-graph JSON that traces hold.
#pragma once

#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "common/ir/expr.h"

namespace hone::schedule {

// The new name of a variable; empty to keep its own.
using RenameForJson = absl::FunctionRef<std::string_view(std::string_view)>;
using RenameFromJson = absl::FunctionRef<std::string(std::string_view)>;

std::string IndexMapToJson(const ir::IndexMapNode* map);
std::string IndexMapToJson(const ir::IndexMapNode* map, RenameForJson rename);
// Into the current arena.
absl::StatusOr<const ir::IndexMapNode*> IndexMapFromJson(std::string_view json);
absl::StatusOr<const ir::IndexMapNode*> IndexMapFromJson(std::string_view json, RenameFromJson rename);

}  // namespace hone::schedule
