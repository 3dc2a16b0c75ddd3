#include "server/space/space_size.h"

#include <gtest/gtest.h>

#include "common/support/status_matchers.h"
#include "server/space/testing/points.h"
#include "server/space/testing/small_workloads.h"

namespace hone::space {
namespace {

// By trying all.
double Enumerate(int64_t rest, int parts, int64_t max_last) {
  if (parts == 1) return max_last < 0 || rest <= max_last ? 1 : 0;
  double count = 0;
  for (int64_t d = 1; d <= rest; ++d) {
    if (rest % d == 0) count += Enumerate(rest / d, parts - 1, max_last);
  }
  return count;
}

TEST(SpaceSizeTest, TilesAreCountedAsTryingAllOfThemDoes) {
  for (int64_t extent : {1, 2, 7, 12, 16, 36, 60, 128}) {
    for (int parts : {1, 2, 3, 4}) {
      for (int64_t limit : {-1, 1, 4, 64}) {
        EXPECT_EQ(CountPerfectTiles(extent, parts, limit), Enumerate(extent, parts, limit))
            << extent << " in " << parts << " parts, limit " << limit;
      }
    }
  }
  EXPECT_EQ(CountPerfectTiles(1 << 20, 4), 1771);  // 23 over 3.
}

TEST(SpaceSizeTest, PartitionedTilesHaveTheFactorInside) {
  // 8 = a * b * c with b * c even: all ten but 8 * 1 * 1.
  EXPECT_EQ(CountPartitionedTiles(8, 3, 1, 2), 9);
  EXPECT_EQ(CountPartitionedTiles(7, 3, 1, 2), 1);  // Does not divide: a tile of ones.
}

TEST(SpaceSizeTest, MatmulOnCpuHasTheProductOfItsChoices) {
  const std::vector<SmallWorkload> all = SmallStandardWorkloads(/*for_gpu=*/false);
  for (const SmallWorkload& small : all) {
    if (small.name != "GMM {1, 16, 16, 16}") continue;
    ASSERT_OK_AND_ASSIGN(const SpacePoints points, SpacePoints::Create(small.module, "llvm"));
    ASSERT_OK_AND_ASSIGN(const schedule::Schedule start, schedule::Schedule::Create(small.module));
    // The batch in one way, two spatial loops in four parts, the reduction in two, four ways to unroll.
    const double expected = 1.0 * 35 * 35 * 5 * 4;
    for (const schedule::Trace& space : points.spaces()) {
      ASSERT_OK_AND_ASSIGN(const double count, CountPoints(start, space));
      EXPECT_EQ(count, expected);
    }
  }
}

TEST(SpaceSizeTest, NumbersAreReadable) {
  EXPECT_EQ(PointsText(1), "1");
  EXPECT_EQ(PointsText(123456), "123,456");
  EXPECT_EQ(PointsText(1234567), "1,234,567");
  EXPECT_EQ(PointsText(1e21), "1e+21");
}

}  // namespace
}  // namespace hone::space
