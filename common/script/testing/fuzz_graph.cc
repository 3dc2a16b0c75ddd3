// libFuzzer target: any text is refused as a node graph, or loads as a module (or index map) that prints and is written
// again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/ir/structural_hash.h"
#include "common/ir/well_formed.h"
#include "common/script/graph_json.h"
#include "common/script/printer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const hone::script::GraphLimits limits{.max_tree_nodes = 100'000};
  const auto module = hone::script::LoadGraphJson(text, limits);
  if (module.ok()) {
    hone::script::PrintModule(*module);
    hone::script::SaveGraphJson(*module);
    (void)hone::ir::VerifyWellFormed(*module);
    hone::ir::StructuralHash(*module);
  }
  hone::ir::Arena arena;
  const hone::ir::ArenaScope scope(arena);
  const auto map = hone::script::LoadIndexMapJson(text);
  if (map.ok()) hone::script::SaveIndexMapJson(*map);
  (void)hone::script::DecodePayload(text);
  return 0;
}
