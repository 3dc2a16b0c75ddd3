// Which statements enclose all uses of a variable or buffer.
#pragma once

#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/ir/module.h"

namespace hone::script {

// For each variable and buffer of a function, the innermost chain of nodes (function, statements, blocks; outermost
// first) that encloses every mention of it.
class VarScopes {
 public:
  explicit VarScopes(const ir::PrimFuncNode* func);

  // Null when `object` (a VarNode or BufferNode) is not mentioned.
  const std::vector<const void*>* Find(const void* object) const;

 private:
  absl::flat_hash_map<const void*, std::vector<const void*>> scopes_;
};

}  // namespace hone::script
