// How much memory a program takes when allocations that are never alive together share it: the peer's plan, which
// decides whether a candidate fits a device.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/types/span.h"
#include "common/ir/stmt.h"

namespace hone::lower {

// One allocation and when it is alive: from statement `first` to `last`, numbered in program order.
struct PlannedAllocation {
  std::string_view scope;
  ir::DataType dtype;
  uint64_t bits;
  int first = -1;
  int last = -1;
};

// The bytes that the allocations take together; those never alive (first < 0) take none.
int64_t PlannedBytes(absl::Span<const PlannedAllocation> allocations);

// The sum in bytes of the allocations, in scopes that start with `scope_prefix`, of a program on flat memory after
// sharing. For shared memory `stmt` is one kernel (an outermost thread_extent). Allocations without a constant size
// count as nothing.
int64_t PlannedBytes(ir::Stmt stmt, std::string_view scope_prefix);

}  // namespace hone::lower
