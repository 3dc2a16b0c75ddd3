#include "bench/workload_spec.h"

#include <gtest/gtest.h>

#include "common/support/status_matchers.h"

namespace hone::bench {
namespace {

TEST(WorkloadSpecTest, CountsOperationsAndBytes) {
  ASSERT_OK_AND_ASSIGN(const WorkloadSpec matmul, ParseWorkloadSpec("matmul:512,256,128"));
  EXPECT_EQ(OperationsOf(matmul), 2.0 * 512 * 256 * 128);
  EXPECT_EQ(BytesOf(matmul), 4.0 * (512 * 128 + 128 * 256 + 512 * 256));
  ASSERT_OK_AND_ASSIGN(const WorkloadSpec conv, ParseWorkloadSpec("conv2d_nhwc:1,56,56,64,64,3,3,1,1"));
  EXPECT_EQ(OperationsOf(conv), 2.0 * 56 * 56 * 64 * 64 * 9);
}

TEST(WorkloadSpecTest, MalformedTextsAreRefusedWithTheForm) {
  const auto invalid = absl::StatusCode::kInvalidArgument;
  EXPECT_STATUS(ParseWorkloadSpec("matmul:1,2"), invalid, "expected matmul:M,N,K");
  EXPECT_STATUS(ParseWorkloadSpec("matmul:1,2,x"), invalid, "expected matmul:M,N,K");
  EXPECT_STATUS(ParseWorkloadSpec("matmul:1,2,3:int4"), invalid, "expected");
  EXPECT_STATUS(ParseWorkloadSpec("fft:8"), invalid, "unknown workload \"fft\"");
  EXPECT_OK(ParseWorkloadSpec("matmul:1,2,3:uint8"));
}

}  // namespace
}  // namespace hone::bench
