// Tells traces apart by what they end in: finds duplicates before any work is spent on them.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "common/schedule/schedule.h"
#include "common/schedule/trace.h"

namespace hone {

// An instruction that samples how many lanes a cooperative fetch loads at once. Lanes that do not divide the fetch's
// loop are one lane to RewriteCooperativeFetch, so that several choices end in the same program.
struct LaneChoice {
  size_t instruction;
  absl::InlinedVector<int64_t, 4> same_as;  // By choice: the first that ends in the same program.
};
using LaneChoices = std::vector<LaneChoice>;

// Those of `replayed`, which has replayed `size` instructions of a trace and nothing else. Only for what goes through
// RewriteCooperativeFetch before anything else changes the program.
LaneChoices FindLaneChoices(const schedule::Schedule& replayed, size_t size);

// Equal for traces of one search that replay alike: the same instructions with the same arguments and decisions, where
// a choice of lanes counts as the one that it is the same as. Means nothing outside of the process.
uint64_t ReplayKey(const schedule::Trace& trace, absl::Span<const LaneChoice> lanes = {});

// The same for a trace that was made from `parent`: its lanes count if nothing but choices of lanes differs, since the
// loops are the same then.
uint64_t ReplayKeyOfMutant(const schedule::Trace& mutant, const schedule::Trace& parent,
                           absl::Span<const LaneChoice> lanes);

}  // namespace hone
