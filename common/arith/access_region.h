// What a block reads and writes, inferred from its init and body.
#pragma once

#include <vector>

#include "absl/functional/function_ref.h"
#include "common/ir/stmt.h"

namespace hone::arith {

struct BlockAccess {
  std::vector<ir::BufferRegion> reads;
  std::vector<ir::BufferRegion> writes;
  std::vector<ir::BufferRegion> opaques;
};

// The buffer seen for a data variable; null when its accesses are of no interest (buffers local to the block).
using BufferOfVar = absl::FunctionRef<ir::Buffer(ir::Var data)>;

// Regions in the order of first appearance; see the reference on access-region inference for the traversal. Buffers
// that are accessed opaquely (their data variable mentioned as an expression) are in `opaques` with their full region,
// too.
BlockAccess GetBlockAccessRegion(const ir::BlockNode* block, BufferOfVar buffer_of);

struct BlockReadWrite {
  std::vector<ir::BufferRegion> reads;
  std::vector<ir::BufferRegion> writes;
};

// The same with opaquely accessed buffers moved to the ends of both lists, with their full region.
BlockReadWrite GetBlockReadWriteRegion(const ir::BlockNode* block, BufferOfVar buffer_of);

}  // namespace hone::arith
