#include "common/target/cuda_limits.h"

#include <gtest/gtest.h>

namespace hone {
namespace {

TEST(CudaLimitsTest, SharedMemoryOfABlockIsAsTheProgrammingGuideTablesIt) {
  constexpr struct {
    int sm;
    int kib;
  } kRows[] = {{61, 48}, {70, 96},  {72, 96},   {75, 64},   {80, 163},  {86, 99},  {87, 163},
               {89, 99}, {90, 227}, {100, 227}, {103, 227}, {110, 227}, {120, 99}, {121, 99}};
  for (const auto& row : kRows) EXPECT_EQ(CudaSharedMemoryPerBlock(row.sm), row.kib * 1024) << "sm_" << row.sm;
}

TEST(CudaLimitsTest, ATargetWithoutArchitectureGetsWhatEveryDeviceHas) {
  EXPECT_EQ(CudaSharedMemoryPerBlock(0), 48 * 1024);
}

}  // namespace
}  // namespace hone
