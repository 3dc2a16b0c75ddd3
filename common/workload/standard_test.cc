#include "common/workload/standard.h"

#include <gtest/gtest.h>

#include "common/support/status_matchers.h"

namespace hone::workload {
namespace {

// Extents of the parameters of `main`.
std::vector<std::vector<int64_t>> ParameterShapes(const ir::IRModule& module) {
  std::vector<std::vector<int64_t>> shapes;
  for (const ir::BufferBinding& binding : module.FindPrimFunc("main")->buffer_map) {
    shapes.emplace_back();
    for (ir::Expr dim : binding.buffer->shape) shapes.back().push_back(*ir::ConstInt(dim));
  }
  return shapes;
}

TEST(StandardTest, EveryConfigurationIsBuilt) {
  int count = 0;
  for (const StandardName& name : StandardNames()) {
    for (int i = 0; i < name.configurations; ++i, ++count) {
      ASSERT_OK_AND_ASSIGN(ir::IRModule module, Standard(name.name, i));
      EXPECT_NE(module.FindPrimFunc("main"), nullptr);
    }
  }
  EXPECT_EQ(count, 54);
}

TEST(StandardTest, OutputShapesFollowStrideDilationAndPadding) {
  ASSERT_OK_AND_ASSIGN(ir::IRModule dilated, Standard("DIL", 0));
  EXPECT_EQ(ParameterShapes(dilated).back(), (std::vector<int64_t>{1, 109, 109, 64}));
  ASSERT_OK_AND_ASSIGN(ir::IRModule grouped, Standard("GRP", 0));
  EXPECT_EQ(ParameterShapes(grouped)[1], (std::vector<int64_t>{3, 3, 16, 128}));
  ASSERT_OK_AND_ASSIGN(ir::IRModule transposed, Standard("T2D", 0));
  EXPECT_EQ(ParameterShapes(transposed).back(), (std::vector<int64_t>{1, 8, 8, 256}));
  ASSERT_OK_AND_ASSIGN(ir::IRModule winograd, Standard("C2D_WIN_NHWC", 0));
  EXPECT_EQ(ParameterShapes(winograd).back(), (std::vector<int64_t>{1, 12, 12, 128}));
  ASSERT_OK_AND_ASSIGN(ir::IRModule norm, Standard("NRM", 0));
  EXPECT_EQ(ParameterShapes(norm).back(), (std::vector<int64_t>{1}));
}

TEST(StandardTest, UnknownLabelsAreRefused) {
  EXPECT_STATUS(StandardByLabel("XYZ:0"), absl::StatusCode::kNotFound, "XYZ");
  EXPECT_STATUS(StandardByLabel("C2D:4"), absl::StatusCode::kOutOfRange, "0 to 3");
  EXPECT_STATUS(StandardByLabel("C2D"), absl::StatusCode::kInvalidArgument, "NAME:INDEX");
}

}  // namespace
}  // namespace hone::workload
