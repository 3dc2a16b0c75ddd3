#include "common/workload/flops.h"

#include <gtest/gtest.h>

#include "common/support/status_matchers.h"
#include "common/workload/standard.h"

namespace hone::workload {
namespace {

double FlopsOf(std::string_view label) {
  absl::StatusOr<ir::IRModule> module = StandardByLabel(label);
  EXPECT_OK(module);
  return module.ok() ? EstimateFlops(*module) : -1;
}

TEST(FlopsTest, AMultiplyAddCountsTwo) { EXPECT_EQ(EstimateFlops(Matmul(8, 4, 16)), 2 * 8 * 4 * 16); }

// Figures as the peer printed them for the same programs.
TEST(FlopsTest, StandardWorkloadsCountAsThePeerDoes) {
  EXPECT_EQ(FlopsOf("GMM:0"), 4194304);
  EXPECT_EQ(FlopsOf("GMM:3"), 2147483648);
  EXPECT_EQ(FlopsOf("C2D:1"), 25690112);
  EXPECT_EQ(FlopsOf("C2D:2"), 231211008);
  EXPECT_EQ(FlopsOf("DEP:1"), 3612672);
  EXPECT_EQ(FlopsOf("SFM:0"), 262144);
  EXPECT_EQ(FlopsOf("CBR:1"), 116006912);
  EXPECT_EQ(FlopsOf("C1D:0"), 6291456);
  EXPECT_EQ(FlopsOf("T2D:0"), 268435456);
  EXPECT_EQ(FlopsOf("TBG:0"), 25165824);
  EXPECT_EQ(FlopsOf("NRM:0"), 131072);
  EXPECT_EQ(FlopsOf("C2D_WIN_NHWC:0"), 17086464);
}

}  // namespace
}  // namespace hone::workload
