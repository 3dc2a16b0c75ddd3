// Every design space of the standard workloads, for every kind: random points compute what the workload computes.
// Thread-bound loops and tensor intrinsics run by their meaning. The long form checks 50 points a space, the short
// one 5.
#include <gtest/gtest.h>

#include "common/script/printer.h"
#include "common/support/long_tests.h"
#include "common/support/status_matchers.h"
#include "server/space/default_lists.h"
#include "server/space/testing/points.h"
#include "server/space/testing/small_workloads.h"

namespace hone {
namespace {

class SpacePointsTest : public ::testing::TestWithParam<const char*> {};

// Adds to the counts; one failure a space is reported.
void CheckPoints(const SmallWorkload& small, const SpacePoints& created, int points, int* right, int* rejected) {
  for (size_t space = 0; space < created.spaces().size(); ++space) {
    for (int point = 1; point <= points; ++point) {
      const int64_t seed = 7919 * point + static_cast<int64_t>(space);
      const auto outcome = created.Check(created.spaces()[space], seed);
      EXPECT_OK(outcome) << small.name << " space " << space << " seed " << seed << "\n"
                         << script::PrintModule(small.module);
      if (!outcome.ok()) break;
      ++(*outcome == SpacePoints::Outcome::kRight ? *right : *rejected);
    }
  }
}

void CheckSpaces(const SmallWorkload& small, std::string_view kind, int points, int* right, int* rejected) {
  absl::StatusOr<SpacePoints> created = SpacePoints::Create(small.module, kind);
  ASSERT_OK(created) << small.name << "\n" << script::PrintModule(small.module);
  CheckPoints(small, *created, points, right, rejected);
}

TEST_P(SpacePointsTest, RandomPointsOfEverySpaceComputeTheWorkload) {
  const std::string_view kind = GetParam();
  const bool gpu = kind.starts_with("cuda");
  const int points = LongTests() ? 50 : 5;
  int right = 0;
  int rejected = 0;
  for (const SmallWorkload& small : SmallStandardWorkloads(gpu)) CheckSpaces(small, kind, points, &right, &rejected);
  for (const SmallWorkload& small : TensorizableWorkloads(kind)) CheckSpaces(small, kind, points, &right, &rejected);
  RecordProperty("right", right);
  RecordProperty("rejected", rejected);
  std::printf("%s: %d points right, %d rejected by a postproc\n", GetParam(), right, rejected);
  EXPECT_GT(right, rejected / 4);
}

TEST(LayoutTransformTest, SpacesAreTheBlockAsItIsAndOneATileSize) {
  ASSERT_OK_AND_ASSIGN(const SpacePoints points, SpacePoints::Create(LayoutTransformWorkload().module, "cuda"));
  EXPECT_EQ(points.spaces().size(), 32u);
  int right = 0;
  int rejected = 0;
  CheckSpaces(LayoutTransformWorkload(), "cuda", /*points=*/1, &right, &rejected);
  EXPECT_GE(right, 30);
}

INSTANTIATE_TEST_SUITE_P(AllKinds, SpacePointsTest,
                         ::testing::Values("llvm", "vnni", "avx512", "asimd", "dotprod", "cuda", "cuda-tensorcore",
                                           "hexagon"));

}  // namespace
}  // namespace hone
