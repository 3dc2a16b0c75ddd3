#include "server/cost_model/feature/feature_names.h"

#include <gtest/gtest.h>

#include <set>

namespace hone {
namespace {

TEST(FeatureNamesTest, GroupsBeginWhereTheReferenceSays) {
  EXPECT_EQ(FeatureName(0), "float_mad");
  EXPECT_EQ(FeatureName(16), "vectorize.count");
  EXPECT_EQ(FeatureName(19), "vectorize.position0");
  EXPECT_EQ(FeatureName(27), "unroll.count");
  EXPECT_EQ(FeatureName(48), "parallel.position7");
  EXPECT_EQ(FeatureName(49), "is_gpu");
  EXPECT_EQ(FeatureName(56), "vthread");
  EXPECT_EQ(FeatureName(57), "buffer0.is_read");
  EXPECT_EQ(FeatureName(146), "buffer4.stride");
  EXPECT_EQ(FeatureName(147), "intensity.0");
  EXPECT_EQ(FeatureName(157), "alloc_bytes");
  EXPECT_EQ(FeatureName(161), "outer_product");
  EXPECT_EQ(FeatureName(163), "auto_unroll");
  EXPECT_EQ(FeatureName(171), "is_conv2d");
}

TEST(FeatureNamesTest, NamesAreDistinct) {
  std::set<std::string> names;
  for (int c = 0; c < 172; ++c) EXPECT_TRUE(names.insert(FeatureName(c)).second) << c;
}

}  // namespace
}  // namespace hone
