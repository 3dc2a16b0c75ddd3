// Every mutator of every kind on random points of small workloads: what comes out replays and computes the workload, is
// rejected by a postproc, or is refused by a primitive with a status.
#include "server/space/mutator.h"

#include <gtest/gtest.h>

#include <map>

#include "common/support/long_tests.h"
#include "common/support/status_matchers.h"
#include "server/space/testing/points.h"
#include "server/space/testing/small_workloads.h"

namespace hone {
namespace {

using schedule::Trace;

struct Counts {
  int right = 0, rejected = 0, refused = 0, nothing = 0;
};

bool IsRefusal(const absl::Status& status) {
  const std::string message(status.message());
  return message.starts_with("instruction ") && (absl::IsFailedPrecondition(status) || absl::IsInvalidArgument(status));
}

// Instructions whose decision or inputs differ.
int CountChanges(const Trace& a, const Trace& b) {
  int changes = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const schedule::Instruction& x = a.instructions()[i];
    const schedule::Instruction& y = b.instructions()[i];
    bool same = x.row == y.row && SameValue(x.decision, y.decision) && x.inputs.size() == y.inputs.size();
    for (size_t k = 0; same && k < x.inputs.size(); ++k) same = SameValue(x.inputs[k], y.inputs[k]);
    changes += !same;
  }
  return changes;
}

void MutateOne(const SpacePoints& points, const Trace& trace, const Mutator& mutator, uint64_t seed, Counts& counts) {
  CounterRandom random({seed});
  const std::optional<Trace> mutated = mutator.Apply(trace, random);
  if (!mutated.has_value()) {
    ++counts.nothing;
    return;
  }
  ASSERT_EQ(mutated->size(), trace.size());
  EXPECT_EQ(CountChanges(trace, *mutated), 1) << mutator.name() << " seed " << seed;
  const auto outcome = points.CheckAsDecided(*mutated);
  if (outcome.ok()) {
    ++(*outcome == SpacePoints::Outcome::kRight ? counts.right : counts.rejected);
  } else if (IsRefusal(outcome.status())) {
    ++counts.refused;
  } else {
    ADD_FAILURE() << mutator.name() << " seed " << seed << ": " << outcome.status().ToString();
  }
}

class MutatorTest : public ::testing::TestWithParam<const char*> {};

TEST_P(MutatorTest, MutationsReplayOrAreRefusedCleanly) {
  const std::string_view kind = GetParam();
  const int repeats = LongTests() ? 20 : 1;
  std::map<std::string, Counts> counts;
  uint64_t seed = 0;
  for (const SmallWorkload& small : SmallStandardWorkloads(/*for_gpu=*/kind.starts_with("cuda"))) {
    ASSERT_OK_AND_ASSIGN(const SpacePoints points, SpacePoints::Create(small.module, kind));
    for (const Trace& space : points.spaces()) {
      for (int repeat = 0; repeat < repeats; ++repeat) {
        const auto trace = points.Decide(space, static_cast<int64_t>(++seed));
        if (!trace.ok()) continue;  // Its location was sampled twice: SpacePoints tells.
        for (const WeightedMutator& m : points.generator().mutators()) {
          MutateOne(points, *trace, *m.mutator, ++seed, counts[std::string(m.mutator->name())]);
        }
      }
    }
  }
  for (const auto& [name, c] : counts) {
    std::printf("%s %s: %d right, %d rejected, %d refused, %d without effect\n", GetParam(), name.c_str(), c.right,
                c.rejected, c.refused, c.nothing);
    // No rule of hexagon samples locations, though its list has their mutator.
    if (kind == "hexagon" && name == "MutateComputeLocation") continue;
    EXPECT_GT(c.right, 0) << name;
    EXPECT_LT(c.refused, 1 + c.right) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(AllKinds, MutatorTest,
                         ::testing::Values("llvm", "asimd", "cuda", "cuda-tensorcore", "hexagon"));

}  // namespace
}  // namespace hone
