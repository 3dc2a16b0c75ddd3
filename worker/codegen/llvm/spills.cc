#include "worker/codegen/llvm/spills.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"

namespace hone::codegen {
namespace {

bool Contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// The word behind `key`, empty when that is not there.
std::string_view WordBehind(std::string_view line, std::string_view key) {
  const size_t at = line.find(key);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = line.substr(at + key.size());
  return rest.substr(0, rest.find_first_of(" \t:"));
}

// A basic block starts at ".LBB0_3:" or, where nothing jumps to it, at "# %bb.4:".
bool StartsBlock(std::string_view line) { return line.substr(0, 4) == ".LBB" || line.substr(0, 6) == "# %bb."; }

}  // namespace

InnerLoopSpills CountInnerLoopSpills(std::string_view assembly) {
  InnerLoopSpills out;
  absl::flat_hash_set<std::string_view> innermost;  // Headers: "BB0_3". They come before their loops' other blocks.
  std::string_view label;
  bool inside = false;
  for (size_t at = 0; at < assembly.size();) {
    const size_t end = std::min(assembly.find('\n', at), assembly.size());
    const std::string_view line = assembly.substr(at, end - at);
    at = end + 1;
    if (StartsBlock(line)) {
      label = line[0] == '.' ? WordBehind(line, ".L") : std::string_view();
      inside = false;
    }
    if (Contains(line, "This Inner Loop Header")) {
      innermost.insert(label);
      ++out.loops;
      inside = true;
    } else if (const std::string_view header = WordBehind(line, "in Loop: Header="); !header.empty()) {
      inside = innermost.contains(header);
    }
    if (!inside) continue;
    out.spills += Contains(line, "-byte Spill") || Contains(line, "-byte Folded Spill") ? 1 : 0;
    out.reloads += Contains(line, "-byte Reload") || Contains(line, "-byte Folded Reload") ? 1 : 0;
  }
  return out;
}

}  // namespace hone::codegen
