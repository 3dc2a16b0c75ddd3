// Reads node graphs of recorded files and writes them again.
// usage: graph_check WORKLOADS.json... (lines `["hash","base64"]`) or a JSON array of graphs of index maps
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

#include "common/ir/structural_equal.h"
#include "common/script/graph_json.h"
#include "common/script/parser.h"
#include "common/script/printer.h"
#include "nlohmann/json.hpp"

namespace {

int failures = 0;

void Fail(const std::string& what, const std::string& why) {
  ++failures;
  std::printf("%s: %s\n", what.c_str(), why.c_str());
}

void CheckModule(const std::string& id, const std::string& graph) {
  const auto module = hone::script::LoadGraphJson(graph);
  if (!module.ok()) return Fail(id, std::string(module.status().message()));
  const std::string again = hone::script::SaveGraphJson(*module);
  if (again != graph) {
    size_t i = 0;
    while (i < graph.size() && i < again.size() && graph[i] == again[i]) ++i;
    Fail(id,
         "written differently at byte " + std::to_string(i) + ": " + graph.substr(i, 60) + " / " + again.substr(i, 60));
  }
  const auto parsed = hone::script::ParseModule(hone::script::PrintModule(*module));
  if (!parsed.ok() || !hone::ir::StructuralEqual(*module, *parsed)) Fail(id, "its script is another program");
}

void CheckMap(const std::string& id, const std::string& graph) {
  hone::ir::Arena arena;
  const hone::ir::ArenaScope scope(arena);
  const auto map = hone::script::LoadIndexMapJson(graph);
  if (!map.ok()) return Fail(id, std::string(map.status().message()));
  if (hone::script::SaveIndexMapJson(*map) != graph) Fail(id, "written differently");
}

}  // namespace

int main(int argc, char** argv) {
  int count = 0;
  for (int i = 1; i < argc; ++i) {
    std::ifstream file(argv[i]);
    std::string line;
    while (std::getline(file, line)) {
      const auto json = nlohmann::json::parse(line, nullptr, false);
      if (!json.is_array()) continue;
      if (json.size() == 2 && json[0].get<std::string>().find('{') == std::string::npos) {
        const auto graph = hone::script::DecodePayload(json[1].get<std::string>());
        if (!graph.ok()) {
          Fail(argv[i], std::string(graph.status().message()));
          continue;
        }
        CheckModule(argv[i], *graph);
        if (hone::script::EncodePayload(*graph) != json[1].get<std::string>()) Fail(argv[i], "payload differs");
        ++count;
        continue;
      }
      for (const auto& graph : json) {
        CheckMap(argv[i], graph.get<std::string>());
        ++count;
      }
    }
  }
  std::printf("%d graphs, %d failures\n", count, failures);
  return failures == 0 ? 0 : 1;
}
