// libFuzzer target: any text either is refused, or parses to a module that prints, prints the same again after parsing,
// and can be verified, hashed and written as a node graph.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/ir/content_id.h"
#include "common/ir/structural_equal.h"
#include "common/ir/structural_hash.h"
#include "common/ir/well_formed.h"
#include "common/script/graph_json.h"
#include "common/script/parser.h"
#include "common/script/printer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto module = hone::script::ParseModule(text, {.max_steps = 200'000});
  if (!module.ok()) return 0;
  const std::string printed = hone::script::PrintModule(*module);
  hone::script::PrintModule(*module, {.syntax_sugar = false});
  (void)hone::ir::VerifyWellFormed(*module);
  hone::ir::StructuralHash(*module);
  hone::ir::ContentId(*module);
  if (!hone::ir::StructuralEqual(*module, *module)) std::abort();
  const auto graph = hone::script::LoadGraphJson(hone::script::SaveGraphJson(*module));
  // What prints need not parse (the reference lists the exceptions), but must not do harm.
  (void)hone::script::ParseModule(printed);
  return 0;
}
