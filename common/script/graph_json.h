// The node-graph JSON in which TVM's databases hold modules and its traces hold index maps.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "common/ir/module.h"

namespace hone::script {

struct GraphLimits {
  size_t max_bytes = size_t{64} << 20;
  int max_depth = 500;               // Of nodes within nodes.
  int64_t max_tree_nodes = 4 << 20;  // With shared nodes counted wherever they are used.
};

// Laid out as TVM writes it, so that reading and writing a file of its own gives the same bytes.
std::string SaveGraphJson(const ir::IRModule& module);
// Into a new arena. InvalidArgument, naming the node, for text that is no graph, misses a field, breaks the rules of
// the IR or is beyond a limit. Nodes of other kinds are tolerated where nothing needs them.
absl::StatusOr<ir::IRModule> LoadGraphJson(std::string_view json, const GraphLimits& limits = {});

// New names of the initial indices; an empty answer keeps the name.
using RenameVar = absl::FunctionRef<std::string(std::string_view name)>;

std::string SaveIndexMapJson(const ir::IndexMapNode* map);
std::string SaveIndexMapJson(const ir::IndexMapNode* map, RenameVar rename);
// Into the current arena.
absl::StatusOr<const ir::IndexMapNode*> LoadIndexMapJson(std::string_view json);
absl::StatusOr<const ir::IndexMapNode*> LoadIndexMapJson(std::string_view json, RenameVar rename);

// Any other object, such as the metadata of a script.
std::string SaveObjectJson(const ir::Object* object);
// Into the current arena.
absl::StatusOr<const ir::Object*> LoadObjectJson(std::string_view json, const GraphLimits& limits = {});

// The payload of a workload line: base64 of an 8-byte little-endian length and the JSON.
std::string EncodePayload(std::string_view json);
absl::StatusOr<std::string> DecodePayload(std::string_view base64);

}  // namespace hone::script
