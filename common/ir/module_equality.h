// The ways in which databases and task extraction compare modules.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/ir/module.h"
#include "common/support/sha256.h"

namespace hone::ir {

enum class Equality : uint8_t {
  kStructural,     // Structural equality.
  kIgnoreNdarray,  // Constant tensors count by dtype and shape only.
  kAnchorBlock,    // Only the block with the most arithmetic counts, when both have one; otherwise as kIgnoreNdarray.
};

// "structural", "ignore-ndarray", "anchor-block"; nullopt for another name.
std::optional<Equality> EqualityFromName(std::string_view name);

bool ModulesEqual(const IRModule& a, const IRModule& b, Equality equality);
// Equal for equal modules.
uint64_t ModuleHash(const IRModule& module, Equality equality);
// A key for storage: equal for equal modules of one mode.
Digest ModuleKey(const IRModule& module, Equality equality);

// The block with an init that does the most arithmetic of the entry function, the earliest of equals; null for none.
const BlockNode* FindAnchorBlock(const IRModule& module);

}  // namespace hone::ir
