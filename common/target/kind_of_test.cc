#include "common/target/kind_of.h"

#include <gtest/gtest.h>

namespace hone {
namespace {

TEST(KindOfTargetTest, EveryFormOfATargetHasItsKind) {
  EXPECT_EQ(KindOfTarget(R"({"kind":"llvm","mcpu":"znver5","num-cores":2})"), "llvm");
  EXPECT_EQ(KindOfTarget(R"({"kind":"cuda","an-attribute-of-tomorrow":1})"), "cuda");
  EXPECT_EQ(KindOfTarget("llvm -num-cores=4"), "llvm");
  EXPECT_EQ(KindOfTarget(R"({"tag":"nvidia/nvidia-h100"})"), "cuda");
  for (const char* none : {"", "{", "[]", "3", R"({"kind":3})", R"({"mcpu":"znver5"})", "no such target"}) {
    EXPECT_EQ(KindOfTarget(none), "") << none;
  }
}

}  // namespace
}  // namespace hone
