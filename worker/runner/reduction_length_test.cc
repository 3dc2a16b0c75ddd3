#include "worker/runner/reduction_length.h"

#include <gtest/gtest.h>

#include "common/script/printer.h"
#include "common/support/status_matchers.h"
#include "common/workload/standard.h"

namespace hone::runner {
namespace {

double LengthOf(const std::string& label) {
  const auto module = workload::StandardByLabel(label);
  EXPECT_OK(module.status());
  const std::optional<double> length = ReductionLengthOf(script::PrintModule(*module));
  EXPECT_TRUE(length.has_value()) << label;
  return length.value_or(0);
}

TEST(ReductionLengthTest, IsTheProductOfTheReductionAxesOfAMatrixProduct) { EXPECT_EQ(LengthOf("GMM:0"), 128); }

// 3 x 3 taps and 256 channels; padding adds nothing.
TEST(ReductionLengthTest, IsTapsTimesChannelsOfAConvolution) { EXPECT_EQ(LengthOf("C2D:2"), 3 * 3 * 256); }

// The maximum and the sum of a row; shapes alone do not show either.
TEST(ReductionLengthTest, AddsTheStagesOfASoftmax) { EXPECT_EQ(LengthOf("SFM:0"), 256 + 256); }

TEST(ReductionLengthTest, IsOneForAMapOfElements) {
  EXPECT_EQ(ReductionLengthOf(R"(from tvm.script import tir as T
@T.prim_func
def main(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32")):
    for i in range(8):
        with T.block("B"):
            vi = T.axis.spatial(8, i)
            B[vi] = A[vi] + T.float32(1)
)"),
            1);
}

TEST(ReductionLengthTest, IsUnknownWithoutBlocksOrWithoutAProgram) {
  EXPECT_FALSE(ReductionLengthOf("int main() {}").has_value());
  EXPECT_FALSE(ReductionLengthOf(R"(from tvm.script import tir as T
@T.prim_func
def main(A: T.Buffer((8,), "float32"), B: T.Buffer((1,), "float32")):
    for i in range(8):
        B[0] = B[0] + A[i]
)")
                   .has_value());
}

}  // namespace
}  // namespace hone::runner
