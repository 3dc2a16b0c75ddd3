// Random points of the design spaces of GPUs, lowered and run in the interpreter with the threads of a block side by
// side, compute what the workload computes. The long form checks 10 points a space (well over 500), the short one one
// point of each workload.
#include <gtest/gtest.h>

#include "common/script/parser.h"
#include "common/support/long_tests.h"
#include "common/support/status_matchers.h"
#include "server/space/default_lists.h"
#include "server/space/testing/points.h"
#include "server/space/testing/small_workloads.h"

namespace hone {
namespace {

class LoweredPointsTest : public ::testing::TestWithParam<const char*> {};

// `points` of every space, or in the short form one point of one space. `hone`: of Hone's spaces instead of the peer's.
void CheckLowered(const SmallWorkload& small, std::string_view kind, int points, size_t number, int* right,
                  int* rejected, bool hone = false) {
  ASSERT_OK_AND_ASSIGN(ScheduleRules rules, hone ? HoneScheduleRules(kind) : DefaultScheduleRules(kind));
  absl::StatusOr<SpacePoints> created =
      SpacePoints::Create(small.module, kind, SpacePoints::Form::kLowered, std::move(rules));
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

// Two sums of a row at once, and what is made of them.
SmallWorkload RowMoments() {
  return {"layer norm", script::ParseModule(R"(
from tvm.script import tir as T
@T.prim_func
def main(A: T.Buffer((6, 64), "float32"), B: T.Buffer((6, 64), "float32")):
    S = T.alloc_buffer((6,))
    Q = T.alloc_buffer((6,))
    for i, k in T.grid(6, 64):
        with T.block("S"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                S[vi] = T.float32(0)
                Q[vi] = T.float32(0)
            v_S: T.float32 = S[vi] + A[vi, vk]
            v_Q: T.float32 = Q[vi] + A[vi, vk] * A[vi, vk]
            S[vi] = v_S
            Q[vi] = v_Q
    for i, j in T.grid(6, 64):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = (A[vi, vj] - S[vi] / T.float32(64)) * (Q[vi] + T.float32(1))
)")
                            .value()};
}

TEST_P(LoweredPointsTest, RowsThatReduceSeveralValuesAreFusedInHonesSpaces) {
  const std::string_view kind = GetParam();
  const SmallWorkload small = RowMoments();
  int right = 0;
  int rejected = 0;
  for (size_t number = 0; number < 4; ++number) {
    CheckLowered(small, kind, /*points=*/3, number, &right, &rejected, /*hone=*/true);
  }
  EXPECT_GE(right, 4);
  ASSERT_OK_AND_ASSIGN(ScheduleRules rules, HoneScheduleRules(kind));
  ASSERT_OK_AND_ASSIGN(const SpacePoints spaces,
                       SpacePoints::Create(small.module, kind, SpacePoints::Form::kLowered, std::move(rules)));
  int fused = 0;
  for (const schedule::Trace& space : spaces.spaces()) {
    for (const schedule::Instruction& instruction : space.instructions()) fused += instruction.row->name == "ComputeAt";
  }
  EXPECT_EQ(fused, 1);
}

// What Hone's lists add: copies ahead of tensor cores, reductions of several values fused into their consumer.
TEST_P(LoweredPointsTest, RandomPointsOfHonesSpacesComputeTheWorkloadAfterLowering) {
  const std::string_view kind = GetParam();
  int right = 0;
  int rejected = 0;
  size_t number = 0;
  for (const SmallWorkload& small : SmallStandardWorkloads(/*for_gpu=*/true)) {
    if (!LongTests() && !small.name.starts_with("SFM") && !small.name.starts_with("GMM")) continue;
    CheckLowered(small, kind, LongTests() ? 10 : 1, number++, &right, &rejected, /*hone=*/true);
  }
  for (const SmallWorkload& small : TensorizableWorkloads(kind)) {
    for (size_t space = 0; space < (LongTests() ? 1 : 3); ++space) {
      CheckLowered(small, kind, LongTests() ? 10 : 1, space, &right, &rejected, /*hone=*/true);
    }
  }
  EXPECT_GT(right, 1);
}

INSTANTIATE_TEST_SUITE_P(GpuKinds, LoweredPointsTest, ::testing::Values("cuda", "cuda-tensorcore"));

}  // namespace
}  // namespace hone
