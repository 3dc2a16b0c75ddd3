// Where the shared memory of a kernel lies and how much of it a launch asks for. What is emitted, and what is refused
// before it is built, are both told from here.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "common/ir/stmt.h"

namespace hone::lower {

// Buffers in dynamic shared memory start at multiples of this: what matrix instructions and vectors ask for, and more.
inline constexpr int64_t kSharedAlignment = 128;

inline int64_t AlignShared(int64_t bytes) {
  return (bytes + kSharedAlignment - 1) / kSharedAlignment * kSharedAlignment;
}
inline bool IsSharedScope(std::string_view scope) { return scope == "shared" || scope == "shared.dyn"; }

// Allocations with their places in one piece of memory.
struct SharedPlaces {
  int64_t bytes = 0;
  std::vector<std::pair<const ir::AllocateNode*, int64_t>> offsets;
};

// The dynamic shared memory (scope shared.dyn) that is allocated in `kernel`, in which buffers that are never alive
// together overlap; nullopt when there are fewer than two such buffers, or one without a constant size.
std::optional<SharedPlaces> OverlapSharedBuffers(const ir::AttrStmtNode* kernel);

// Which of a kernel's allocations of shared memory are in dynamic memory, and where: all of them when they are more
// than a block may have unasked, those of scope shared.dyn otherwise.
SharedPlaces DynamicShared(absl::Span<const ir::AllocateNode* const> allocations);

// The most dynamic shared memory that a kernel of a function on flat memory asks for, before or after
// MergeSharedMemoryAllocations. What LowerThreadAllreduce has not allocated yet does not count.
int64_t LaunchSharedBytes(ir::Stmt body);

// No less than what LowerThreadAllreduce will allocate for the reductions in `stmt`, however often loops repeat them.
int64_t MostReductionScratchBytes(ir::Stmt stmt);

}  // namespace hone::lower
