// Drawing the decisions of a design space. Nothing here changes the program.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "common/schedule/instruction.h"
#include "common/schedule/random_engine.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// `extent` as a product of `n` factors, uniform over the distributions of each prime's exponent; drawn again until the
// last factor is at most `max_innermost_factor` (-1: no limit). n >= 1; n >= 2 with a limit.
std::vector<int64_t> SamplePerfectTile(RandomEngine& random, int64_t extent, int n, int64_t max_innermost_factor);

// The same where the product of the factors from `partition_pos` on is a multiple of `innerpart_factor`.
std::vector<int64_t> SamplePartitionedTile(RandomEngine& random, int64_t extent, int n, int partition_pos,
                                           int64_t innerpart_factor);

// Makes a decision fit an extent: from the last factor to the second, one that does not divide what is left becomes
// what is left; the first becomes the rest. At least two factors.
void RepairTile(int64_t extent, std::vector<int64_t>& factors);

// Locations that sample_compute_location chooses from: -2 inline, -1 root, k the k-th loop above the first consumer.
struct ComputeLocation {
  int64_t index;
  SrefId loop;  // kNoSref for inline and root.
};
std::vector<ComputeLocation> ComputeLocations(ScheduleState& state, SrefId block);

extern const InstructionRow kSampleCategoricalRow;
extern const InstructionRow kSamplePerfectTileRow;
extern const InstructionRow kSamplePartitionedTileRow;
extern const InstructionRow kSampleComputeLocationRow;

}  // namespace hone::schedule
