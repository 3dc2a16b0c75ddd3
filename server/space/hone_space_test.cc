// What the space "hone" has beyond the peer's: its points compute the workload, and it never has less.
#include <gtest/gtest.h>

#include "common/support/long_tests.h"
#include "common/support/status_matchers.h"
#include "server/space/default_lists.h"
#include "server/space/testing/points.h"
#include "server/space/testing/small_workloads.h"

namespace hone {
namespace {

class HoneSpaceTest : public ::testing::TestWithParam<const char*> {};

TEST_P(HoneSpaceTest, PointsBeyondThePeersSpaceComputeTheWorkload) {
  const std::string_view kind = GetParam();
  int beyond = 0;
  int right = 0;
  for (const SmallWorkload& small : SmallStandardWorkloads(kind.starts_with("cuda"))) {
    ASSERT_OK_AND_ASSIGN(ScheduleRules rules, HoneScheduleRules(kind));
    ASSERT_OK_AND_ASSIGN(const SpacePoints peers, SpacePoints::Create(small.module, kind));
    ASSERT_OK_AND_ASSIGN(const SpacePoints ours,
                         SpacePoints::Create(small.module, kind, SpacePoints::Form::kScheduled, std::move(rules)));
    ASSERT_GE(ours.spaces().size(), peers.spaces().size()) << small.name;
    if (ours.spaces().size() == peers.spaces().size()) continue;
    ++beyond;
    for (const schedule::Trace& space : ours.spaces()) {
      for (int64_t seed = 1; seed <= (LongTests() ? 200 : 10); ++seed) {
        const auto outcome = ours.Check(space, seed);
        ASSERT_OK(outcome) << small.name << " seed " << seed << "\n" << space.ToString();
        right += *outcome == SpacePoints::Outcome::kRight;
      }
    }
  }
  EXPECT_GT(beyond, 0);
  EXPECT_GT(right, beyond);
}

INSTANTIATE_TEST_SUITE_P(Kinds, HoneSpaceTest, ::testing::Values("llvm"));

}  // namespace
}  // namespace hone
