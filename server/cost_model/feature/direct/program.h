// A scheduled function as the features see it: its stores, each under a nest of numbered loops, with every index a sum
// over loops and every temporary buffer at its place and in its compacted shape.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "common/ir/module.h"
#include "server/cost_model/feature/direct/linear_index.h"

namespace hone::direct {

struct Loop {
  const ir::ForNode* node;
  int64_t extent;
  int64_t auto_unroll;  // pragma_auto_unroll_max_step, 0 when there is none.
};

using Shape = absl::InlinedVector<int64_t, 6>;
using Indices = absl::InlinedVector<LinearIndex, 4>;

struct BufferFacts {
  ir::Buffer buffer;
  Shape shape;  // As allocated: compacted.
  bool placed = false;
  bool parameter = false;
  double outer_product = 1;  // Of the extents of the loops around the allocation, when placed.
};

struct Access {
  int buffer;
  Indices indices;
};

// A store whose value is no literal.
struct Store {
  absl::InlinedVector<int, 20> loops;  // Outermost first.
  Access target;
  absl::InlinedVector<Access, 4> loads;  // In the order in which the value has them.
  std::array<int64_t, 16> operations{};  // In one evaluation of the value, by the index of the feature.
};

struct Program {
  std::vector<Loop> loops;
  std::vector<BufferFacts> buffers;
  std::vector<Store> stores;
};

// False when the function is not of the plain form that this path knows: all loops from 0 to a number, blocks without
// predicates, views and special annotations, every index linear once simplified. `program` is then in no useful state.
// The arena of `func` is that of the current scope or kept alive by it; expressions are made in the current arena.
bool ReadProgram(ir::PrimFunc func, Program& program);

}  // namespace hone::direct
