#include <gtest/gtest.h>

#include <set>

#include "common/support/clock.h"
#include "common/support/random.h"
#include "common/support/sha256.h"
#include "common/support/status_macros.h"
#include "common/support/status_matchers.h"

namespace hone {
namespace {

TEST(PhiloxTest, MatchesThePublishedTestVectors) {
  // Known answers of the Random123 distribution for philox4x32-10.
  const std::array<uint32_t, 4> zero = Philox4x32({0, 0, 0, 0}, {0, 0});
  EXPECT_EQ(zero, (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const uint32_t f = 0xffffffff;
  const std::array<uint32_t, 4> ones = Philox4x32({f, f, f, f}, {f, f});
  EXPECT_EQ(ones, (std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
}

TEST(CounterRandomTest, SameKeySameNumbersOtherKeyOthers) {
  CounterRandom a({1, 2, 3}), b({1, 2, 3}), c({1, 2, 4}), d({1, 3, 2});
  std::set<uint64_t> seen;
  for (int i = 0; i < 100; ++i) {
    const uint64_t x = a.Next();
    EXPECT_EQ(x, b.Next());
    seen.insert(x);
    seen.insert(c.Next());
    seen.insert(d.Next());
  }
  EXPECT_EQ(seen.size(), 300u);
}

TEST(CounterRandomTest, BelowCoversTheRangeAndStaysInside) {
  CounterRandom random({7});
  std::set<uint64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    const uint64_t x = random.Below(10);
    ASSERT_LT(x, 10u);
    seen.insert(x);
  }
  EXPECT_EQ(seen.size(), 10u);
  EXPECT_EQ(random.Between(-3, -3), -3);
}

TEST(Sha256Test, MatchesFips180Example) {
  const Digest digest = Sha256("abc");
  EXPECT_EQ(digest.Hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Digest back;
  ASSERT_TRUE(Digest::FromHex(digest.Hex(), back));
  EXPECT_EQ(back, digest);
  EXPECT_FALSE(Digest::FromHex("xyz", back));
}

absl::StatusOr<int> Half(int x) {
  if (x % 2 != 0) return absl::InvalidArgumentError("odd");
  return x / 2;
}
absl::StatusOr<int> Quarter(int x) {
  HONE_ASSIGN_OR_RETURN(const int half, Half(x));
  return Half(half);
}

TEST(StatusMacrosTest, ErrorsPropagateAndValuesPass) {
  ASSERT_OK_AND_ASSIGN(const int two, Quarter(8));
  EXPECT_EQ(two, 2);
  EXPECT_STATUS(Quarter(6), absl::StatusCode::kInvalidArgument, "odd");
}

TEST(FakeClockTest, MovesOnlyWhenAdvanced) {
  FakeClock clock;
  const absl::Time start = clock.Now();
  clock.Advance(absl::Seconds(3));
  EXPECT_EQ(clock.Now() - start, absl::Seconds(3));
}

}  // namespace
}  // namespace hone
