// Boxes that blocks touch, told by numbers: what nearly all regions of tiled programs are. No expression is built.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/container/inlined_vector.h"
#include "common/ir/stmt.h"
#include "common/schedule/rebind.h"

namespace hone::schedule {

// ((var % upper) / lower) * scale, rounding down.
struct PlainTerm {
  const ir::VarNode* var;
  int64_t lower;
  int64_t upper;  // 0: no remainder is taken.
  int64_t scale;

  bool SameDigit(const PlainTerm& other) const {
    return var == other.var && lower == other.lower && upper == other.upper;
  }
  bool operator==(const PlainTerm& other) const { return SameDigit(other) && scale == other.scale; }
};

struct PlainSum {
  absl::InlinedVector<PlainTerm, 6> terms;
  int64_t base = 0;

  void Add(const PlainTerm& term) {
    for (PlainTerm& known : terms) {
      if (!known.SameDigit(term)) continue;
      known.scale += term.scale;
      return;
    }
    terms.push_back(term);
  }
};

// One dimension of a box: [outer, outer + width).
struct PlainSide {
  PlainSum outer;
  int64_t width = 0;
};
using PlainBox = absl::InlinedVector<PlainSide, 8>;

// What `realize` touches of `region` when the variables of `domains` run; those of `around`, which run around all, are
// left in it. nullopt when that is no plain box. With `exact`, every point of the box is touched, whatever the other
// dimensions do; else it may be larger than what is touched.
std::optional<PlainBox> BoxOf(const ir::BlockRealizeNode* realize, ir::BufferRegion region, const LoopDomains& domains,
                              const LoopDomains& around, bool exact);

// Whether, for all values of the variables around, `inside` is inside of `outside`; false when that cannot be told.
bool Contains(const PlainBox& outside, const PlainBox& inside);

}  // namespace hone::schedule
