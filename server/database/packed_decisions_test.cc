#include "server/database/packed_decisions.h"

#include <gtest/gtest.h>

#include "common/support/random.h"
#include "common/support/strings.h"

namespace hone {
namespace {

TEST(PackedDecisionsTest, WhatTracesHoldComesBackAsItWasInHalfTheSpace) {
  for (const char* text : {"[]", "[[2,[4,8,2,16]],[6,3]]", "[[0,-2],[7,[]],[5,[1]]]",
                           "[[2147483647,[9223372036854775807,-9223372036854775808]]]"}) {
    const auto packed = PackDecisions(text);
    ASSERT_TRUE(packed.has_value()) << text;
    EXPECT_EQ(UnpackDecisions(*packed), text);
  }
  const char* usual = "[[2,[4,8,2,16]],[6,[1,64,1,8]],[10,[32,16]],[14,3]]";
  EXPECT_LT(PackDecisions(usual)->size() * 2, std::string_view(usual).size());
}

TEST(PackedDecisionsTest, WhatWouldNotComeBackStaysText) {
  for (const char* text :
       {"", "[", "[[1,2]", "[[1,2]]x", "[ [1,2]]", "[[1, 2]]", "[[1,007]]", "[[1,2.5]]", "[[1,null]]", "[[1,[2,]]]",
        "[[-1,2]]", "[[1,9223372036854775808]]", "[[1,[[2]]]]", "[1,2]", "[[4294967296,1]]"}) {
    EXPECT_FALSE(PackDecisions(text).has_value()) << text;
  }
}

TEST(PackedDecisionsTest, BytesOfOthersAreRefusedOrRead) {
  for (uint64_t seed = 0; seed < 20'000; ++seed) {
    CounterRandom random({seed});
    std::string bytes;
    for (uint64_t n = random.Below(12); n > 0; --n)
      bytes += static_cast<char>(random.Below(3) ? random.Below(6) : random.Next());
    const auto text = UnpackDecisions(bytes);
    if (!text || !PackDecisions(*text)) continue;
    EXPECT_EQ(UnpackDecisions(*PackDecisions(*text)), *text) << "seed " << seed;
  }
}

}  // namespace
}  // namespace hone
