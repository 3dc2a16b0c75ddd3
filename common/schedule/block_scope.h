// Dependencies between the blocks directly inside of a block.
#pragma once

#include "common/ir/arena.h"
#include "common/ir/buffer.h"
#include "common/schedule/sref.h"

namespace hone::schedule {

enum class DependencyKind : uint8_t { kRaw = 0, kWaw = 1, kWar = 2, kOpaque = 3 };

struct Dependency {
  SrefId src;
  SrefId dst;
  DependencyKind kind;
};

// A child block that writes `buffer`.
struct BufferWriter {
  ir::Buffer buffer;
  SrefId block;
};

// Immutable, in the schedule's arena. Dependencies match buffers by identity only; one edge a pair of regions, so
// there may be equal edges. Both lists are in the order in which the blocks come in the program.
struct BlockScope {
  ir::Array<SrefId> children;
  ir::Array<Dependency> dependencies;
  ir::Array<BufferWriter> writers;

  // How many of `writers` write `buffer`.
  int CountWriters(ir::Buffer buffer) const;
};

}  // namespace hone::schedule
