#include "client/cli/kernel_header.h"

#include <gtest/gtest.h>

namespace hone::cli {
namespace {

TEST(KernelHeaderTest, DeclaresTheSymbolAndATypedFunction) {
  std::string text = KernelHeader(
      {.name = "matmul-2",
       .symbol = "hone_main",
       .args = {{"A", "float32", "[4, 8]", false}, {"B", "int8", "[8]", false}, {"C", "float32", "[4]", true}},
       .notes = {"record 12"}});
  EXPECT_NE(text.find("// record 12\n"), std::string::npos);
  EXPECT_NE(text.find("int32_t hone_main(void** buffers);"), std::string::npos);
  EXPECT_NE(text.find("static inline int32_t matmul_2(const float* p0_A, const int8_t* p1_B, float* p2_C) {"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("0: in  A float32[4, 8]"), std::string::npos);
}

TEST(KernelHeaderTest, NamesBecomeIdentifiers) {
  EXPECT_EQ(CIdentifier("2d conv"), "kernel_2d_conv");
  EXPECT_EQ(CIdentifier(""), "kernel_");
}

}  // namespace
}  // namespace hone::cli
