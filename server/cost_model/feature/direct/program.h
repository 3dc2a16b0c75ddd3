// A scheduled function as the features and the limits of a GPU see it: its stores, each under a nest of numbered loops,
// with every index a sum over loops (or a small tree) and every temporary buffer at its place and in its compacted
// shape; loops of one thread axis of a kernel are one loop.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "common/ir/module.h"
#include "server/cost_model/feature/direct/index_tree.h"
#include "server/cost_model/feature/direct/linear_index.h"

namespace hone::direct {

// What a loop is bound to: blockIdx.x to .z are 0 to 2, threadIdx.x to .z 3 to 5.
enum class Axis : int8_t { kNone = -1, kBlockX = 0, kThreadX = 3, kVirtual = 6, kOther = 7 };

struct Loop {
  const ir::ForNode* node;
  int64_t extent;
  int64_t auto_unroll;  // pragma_auto_unroll_max_step, 0 when there is none.
  Axis axis = Axis::kNone;
  // The loop that stands for it: the first of its axis in the kernel when it is bound, else itself.
  int final = -1;
};

// A kept loop or a block around accesses, as the program has it; scope 0 is the function.
struct Scope {
  int parent = -1;
  int depth = 0;
  int loops = 0;  // Kept loops from the function down to and including this scope.
  int loop = -1;  // -1: a block.
  int kernel = -1;
  ir::Expr condition;  // The predicate of the block over loops, null when it always holds.
  int first_leaf = 0;  // Of the stores and calls inside, numbered in program order.
  int last_leaf = -1;
};

// All that is inside of an outermost bound loop.
struct Kernel {
  int scope = -1;                    // Of that loop.
  absl::InlinedVector<int, 8> axes;  // Its bound loops, one an axis, in the order in which they are met.
};

using Shape = absl::InlinedVector<int64_t, 6>;

// `linear` says it all unless there is a `tree`.
struct Index {
  LinearIndex linear;
  int tree = -1;            // In Program::trees.
  ir::Expr written;         // Of one that is not linear: over loops.
  bool simplified = false;  // `written` is.
  bool unknown = false;     // Not simplified, for kMemory: may be anything over the loops that `written` mentions.
  // Over loops, not simplified: of accesses of temporaries under conditions, and of those with a tree.
  ir::Expr source;
};
using Indices = absl::InlinedVector<Index, 4>;

struct BufferFacts {
  ir::Buffer buffer;
  Shape shape;  // As allocated: compacted.
  bool placed = false;
  bool parameter = false;
  int scope = -1;            // Where it is allocated, when placed.
  double outer_product = 1;  // Of the extents of the loops around the allocation, when placed.
  absl::InlinedVector<std::array<int64_t, 3>, 1> aligns;  // Requests of storage_align: axis, factor, offset.
};

struct Access {
  int buffer;
  int scope;
  Indices indices;
};

// A store whose value is no literal.
struct Store {
  absl::InlinedVector<int, 20> loops;  // Outermost first; bound ones stand around their kernel.
  Access target;
  absl::InlinedVector<Access, 4> loads;  // In the order in which the value has them.
  std::array<int64_t, 16> operations{};  // In one evaluation of the value, by the index of the feature.
  bool plain = true;                     // The value is arithmetic on loads, and casts of them.
  bool value_varies = false;             // One that is not plain mentions a virtual thread, perhaps.
  int widest_bytes = 0;                  // Of the elements loaded, computed and stored.
  bool is_load = false;                  // The value is a load or the cast of one.
};

struct Program {
  std::vector<Loop> loops;
  std::vector<BufferFacts> buffers;
  std::vector<Store> stores;
  std::vector<Access> silent;  // Targets of the other stores.
  std::vector<IndexTree> trees;
  std::vector<Scope> scopes;
  std::vector<Kernel> kernels;
  // All accesses are among the stores' and no request of later passes was met: the limits of a GPU can be told.
  bool whole = true;
  // Index of the leaf (see Scope) of each store, and of each silent one.
  std::vector<int> store_leaves;
  std::vector<int> silent_leaves;
};

// What a program is read for: everything that the features need; or accesses and allocations only, where loads of
// parameters and operations in values that are not plain may be missing.
enum class Purpose { kFeatures, kMemory };

// False when the function is not of the form that this path knows: all loops from 0 to a number, no stores through
// views, no reductions across threads, no special annotations. `program` is then in no useful state.
// The arena of `func` is that of the current scope or kept alive by it; expressions are made in the current arena.
bool ReadProgram(ir::PrimFunc func, Program& program, Purpose purpose = Purpose::kFeatures);

}  // namespace hone::direct
