// An index as a sum over loops, by number.
#pragma once

#include <array>
#include <cstdint>

#include "server/cost_model/feature/direct/split_sum.h"

namespace hone::direct {

// ((loop_0 % upper_0) / lower_0) * scale_0 + ... + base, the terms in the order in which the simplified expression has
// them. Scales of a finished index are positive; a negative base is subtracted.
using LinearIndex = SplitSum<int>;

// By how much the index grows when a loop of `extent` runs from its first to its last iteration.
inline int64_t Growth(const LinearIndex::Term& term, int64_t extent) {
  return term.scale * LinearIndex::LargestQuotient(term, extent - 1);
}

// Adds the operations of the expression to the features' counts of integer operations.
inline void CountOperations(const LinearIndex& index, std::array<int64_t, 16>& counts) {
  const int parts = index.size() + (index.base() != 0);
  if (parts > 0) counts[8] += parts - 1;
  for (const LinearIndex::Term& term : index) {
    counts[9] += term.scale != 1;
    counts[10] += (term.lower != 1) + (term.upper != 0);
  }
}

// What the peer's scan for the coefficient of a loop finds in the expression, with its quirks: a product that comes
// later counts, unless an addition was seen first (reference/costmodel.md, Stride).
inline int64_t ScannedCoefficient(const LinearIndex& index, int loop) {
  int at = 0;
  while (at < index.size() && index[at].key != loop) ++at;
  if (at == index.size()) return 0;
  int64_t value = index[at].scale;
  if (value == 1) {
    if (at > 0) return 1;  // The addition of this very term comes next.
    if (index.size() == 1 || index[1].scale == 1) return 1;
  }
  for (int i = at + 1; i < index.size(); ++i) {
    if (index[i].scale != 1) value = index[i].scale;
  }
  return value;
}

}  // namespace hone::direct
