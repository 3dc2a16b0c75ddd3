// A tensor program as databases know it: text, content id and one grouping key for each module equality.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "common/support/sha256.h"

namespace hone {

// Which modules count as equal (reference: TVM's module equality).
enum class ModuleEquality { kStructural, kIgnoreNdarray, kAnchorBlock };

// "structural", "ignore-ndarray", "anchor-block".
std::string_view ModuleEqualityName(ModuleEquality equality);
std::optional<ModuleEquality> ModuleEqualityFromName(std::string_view name);

struct Workload {
  Digest id;                   // WorkloadId(script).
  std::string script;          // TVMScript of a module, as printed from the IR.
  std::array<Digest, 3> keys;  // Indexed by ModuleEquality; computed from the IR by who has it.
  std::string name;            // For people; no part of the identity.
  double flops = 0;            // 0 = not known.

  const Digest& key(ModuleEquality equality) const { return keys[static_cast<int>(equality)]; }
  bool operator==(const Workload&) const = default;
};

// Content id of a workload's text: SHA-256 of a version tag and the text.
Digest WorkloadId(std::string_view script);

// A workload of which only the text is known: every key is the id, so it is equal to the same text only.
Workload WorkloadFromScript(std::string script, std::string name = "");

}  // namespace hone
