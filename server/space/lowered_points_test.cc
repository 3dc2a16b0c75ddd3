// Random points of the design spaces of GPUs, lowered and run in the interpreter with the threads of a block side by
// side, compute what the workload computes. The long form checks 10 points a space (well over 500), the short one one
// point of each workload.
#include <gtest/gtest.h>

#include "common/support/long_tests.h"
#include "common/support/status_matchers.h"
#include "server/space/testing/points.h"
#include "server/space/testing/small_workloads.h"

namespace hone {
namespace {

class LoweredPointsTest : public ::testing::TestWithParam<const char*> {};

// `points` of every space, or in the short form one point of one space.
void CheckLowered(const SmallWorkload& small, std::string_view kind, int points, size_t number, int* right,
                  int* rejected) {
  absl::StatusOr<SpacePoints> created = SpacePoints::Create(small.module, kind, SpacePoints::Form::kLowered);
  ASSERT_OK(created) << small.name;
  const size_t spaces = created->spaces().size();
  ASSERT_GT(spaces, 0u);
  for (size_t space = 0; space < spaces; ++space) {
    if (!LongTests() && space != number % spaces) continue;
    // A rejected point is drawn again.
    int checked = 0;
    for (int point = 1; point <= 100 * points && checked < points; ++point) {
      const int64_t seed = 7919 * point + static_cast<int64_t>(space);
      const auto outcome = created->Check(created->spaces()[space], seed);
      EXPECT_OK(outcome) << small.name << " space " << space << " seed " << seed;
      if (!outcome.ok()) break;  // One a space.
      const bool is_right = *outcome == SpacePoints::Outcome::kRight;
      ++(is_right ? *right : *rejected);
      checked += is_right;
    }
  }
}

TEST_P(LoweredPointsTest, RandomPointsComputeTheWorkloadAfterLowering) {
  const std::string_view kind = GetParam();
  const int points = LongTests() ? 10 : 1;
  int right = 0;
  int rejected = 0;
  size_t number = 0;
  const std::vector<SmallWorkload> standard = SmallStandardWorkloads(/*for_gpu=*/true);
  for (const SmallWorkload& small : standard) {
    // Even sizes are enough for the short form; odd ones follow them.
    if (LongTests() || number % 2 == 0) CheckLowered(small, kind, points, number / 2, &right, &rejected);
    ++number;
  }
  for (const SmallWorkload& small : TensorizableWorkloads(kind)) {
    CheckLowered(small, kind, points, number++, &right, &rejected);
  }
  RecordProperty("right", right);
  std::printf("%s: %d points right, %d rejected by a postproc\n", GetParam(), right, rejected);
  EXPECT_GT(right, 10);
}

INSTANTIATE_TEST_SUITE_P(GpuKinds, LoweredPointsTest, ::testing::Values("cuda", "cuda-tensorcore"));

}  // namespace
}  // namespace hone
