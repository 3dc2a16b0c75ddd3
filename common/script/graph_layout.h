// The text form of a node graph: what TVM's JSON writer lays out. Internal to graph_json.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hone::script {

// One node. Absent parts are not written.
struct GraphNode {
  std::string type_key;
  bool has_repr = false;
  std::string repr;  // As bytes.
  std::vector<std::pair<std::string_view, std::string>> attrs;
  std::vector<std::string> keys;
  std::vector<int64_t> data;
};

std::string LayOutGraph(const std::vector<GraphNode>& nodes, int64_t root);

}  // namespace hone::script
