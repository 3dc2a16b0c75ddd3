// Fills in the access regions of blocks whose script does not give them.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "common/ir/module.h"
#include "common/script/source.h"

namespace hone::script {

// A block that was written without T.reads or without T.writes.
struct MissingRegions {
  const ir::BlockNode* block;
  bool reads;
  bool writes;
  Position at;
};

// `func` with the missing regions inferred, in place: the blocks are still owned by the parser. The root block, which
// is the first one of the function, keeps empty regions. InvalidArgument for blocks with opaque accesses.
absl::Status InferRegions(const ir::PrimFuncNode* func, const std::vector<MissingRegions>& missing,
                          const Source& source);

}  // namespace hone::script
