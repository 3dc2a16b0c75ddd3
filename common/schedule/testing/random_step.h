// Random calls of the primitives that move blocks and data, for tests that check each by running the program.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/schedule/schedule.h"
#include "common/support/random.h"

namespace hone::schedule::testing {

enum class Step {
  kSplit,
  kFuse,
  kReorder,
  kComputeAt,
  kReverseComputeAt,
  kComputeInline,
  kReverseComputeInline,
  kCacheRead,
  kCacheWrite,
  kDecomposeReduction,
  kRFactor,
  kReIndex,
  kReindexCacheRead,
  kReindexCacheWrite,
  kCacheIndex,
  kReadAt,
  kWriteAt,
};
inline constexpr int kStepCount = static_cast<int>(Step::kWriteAt) + 1;

std::string_view NameOf(Step step);
// Names of the blocks below the root of `main`, each once.
std::vector<std::string> BlockNames(const Schedule& schedule);
// Calls the primitive with random arguments; most are sensible.
absl::Status RandomStep(Schedule& schedule, Step step, CounterRandom& random);

}  // namespace hone::schedule::testing
