// Every design space of the standard workloads, for every kind: random points compute what the workload computes.
// Thread-bound loops and tensor intrinsics run by their meaning. The long form checks 50 points a space, the short
// one 5.
#include <gtest/gtest.h>

#include "common/script/printer.h"
#include "common/support/long_tests.h"
#include "common/support/status_matchers.h"
#include "server/space/default_lists.h"
#include "server/space/rule/multi_level_tiling_tensor_core.h"
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

// The mma groups get no space by default: where one maps, a wmma group maps first.
TEST(MmaGroupsTest, PointsWithoutTheWmmaRuleComputeTheWorkload) {
  for (const char* out : {"float32", "float16"}) {
    ASSERT_OK_AND_ASSIGN(ScheduleRules rules, DefaultScheduleRules("cuda-tensorcore"));
    rules.erase(rules.begin() + 1);
    const SmallWorkload small = HalfDense(out, 64, 32, 32);
    ASSERT_OK_AND_ASSIGN(
        const SpacePoints points,
        SpacePoints::Create(small.module, "cuda-tensorcore", SpacePoints::Form::kScheduled, std::move(rules)));
    ASSERT_EQ(points.spaces().size(), 1u);
    const std::string trace = points.spaces()[0].ToString();
    EXPECT_NE(trace.find("mma_sync_m16n8k8_f16f16"), std::string::npos);
    EXPECT_NE(trace.find("software_pipeline_async_stages"), std::string::npos);
    int right = 0;
    int rejected = 0;
    CheckPoints(small, points, LongTests() ? 50 : 5, &right, &rejected);
    EXPECT_GT(right, 0) << out;
  }
}

// The default list has wmma without the pipeline; a rule of one's own may have it.
TEST(WmmaPipelineTest, PointsComputeTheWorkloadScheduledAndLowered) {
  MultiLevelTilingConfig config;
  config.structure = "SSSRRSRS";
  config.tile_binds = {"blockIdx.y", "blockIdx.x", "threadIdx.y"};
  config.max_innermost_factor = 4;
  config.vector_load_lens = {1, 2, 3, 4, 8, 16};
  config.reuse_read = {ReuseConfig::Requirement::kMust, {4}, "shared.dyn"};
  config.reuse_write = {ReuseConfig::Requirement::kMust, {2}, "shared.dyn"};
  const SmallWorkload small = HalfDense("float32", 32, 32, 128);
  for (const SpacePoints::Form form : {SpacePoints::Form::kScheduled, SpacePoints::Form::kLowered}) {
    ASSERT_OK_AND_ASSIGN(ScheduleRules rules, DefaultScheduleRules("cuda-tensorcore"));
    const auto* plain = dynamic_cast<const MultiLevelTilingTensorCore*>(rules[1].get());
    ASSERT_NE(plain, nullptr);
    rules[1] = std::make_unique<MultiLevelTilingTensorCore>(plain->groups(), config, /*use_software_pipeline=*/true);
    ASSERT_OK_AND_ASSIGN(const SpacePoints points,
                         SpacePoints::Create(small.module, "cuda-tensorcore", form, std::move(rules)));
    ASSERT_EQ(points.spaces().size(), 2u);
    for (const schedule::Trace& space : points.spaces()) {
      const std::string trace = space.ToString();
      EXPECT_NE(trace.find("[0, 0, 0, 0, 0, 1, 1]"), std::string::npos) << trace;
      EXPECT_NE(trace.find("tir.manifest_shared_memory_local_stage"), std::string::npos) << trace;
    }
    int right = 0;
    int rejected = 0;
    CheckPoints(small, points, LongTests() ? 50 : 5, &right, &rejected);
    std::printf("%d points right, %d rejected\n", right, rejected);
    EXPECT_GT(right, 0);
  }
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
