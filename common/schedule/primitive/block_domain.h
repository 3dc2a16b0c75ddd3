// Solving for the values that a block's iters must take so that what the block provides covers what is required.
#pragma once

#include "absl/container/inlined_vector.h"
#include "common/arith/analyzer.h"
#include "common/ir/stmt.h"

namespace hone::schedule {

// What one instance of the block provides of a buffer, in terms of its iter vars, and what is required, free of them.
struct RegionPair {
  ir::Buffer buffer;
  arith::NDIntSet provided;
  arith::NDIntSet required;  // Empty: nothing is.
};

// `domain` is what the loops run over; a `bound` that is not nothing must be checked besides.
struct SolvedDomain {
  arith::IntSet domain = arith::IntSet::Nothing();
  arith::IntSet bound = arith::IntSet::Nothing();
};
using SolvedDomains = absl::InlinedVector<SolvedDomain, 8>;

// One domain an iter, in order. False when an index expression of the block has no form that can be solved.
bool SolveBlockDomains(ir::Array<ir::IterVar> iters, absl::Span<const RegionPair> regions, arith::Analyzer& analyzer,
                       SolvedDomains* out);

}  // namespace hone::schedule
