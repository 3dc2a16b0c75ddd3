#include "server/coordinator/steady_time.h"

#include <gtest/gtest.h>

namespace hone {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'000'000);

TEST(SteadyTimeTest, GoesWithTheClockThatBehaves) {
  SteadyTime time(absl::Seconds(15));
  EXPECT_EQ(time.Read(kStart), kStart);
  EXPECT_EQ(time.Read(kStart + absl::Seconds(14)), kStart + absl::Seconds(14));
}

TEST(SteadyTimeTest, AStepBackIsNoTime) {
  SteadyTime time(absl::Seconds(15));
  time.Read(kStart);
  EXPECT_EQ(time.Read(kStart - absl::Hours(1)), kStart);
  EXPECT_EQ(time.Read(kStart - absl::Hours(1) + absl::Seconds(2)), kStart + absl::Seconds(2));
}

TEST(SteadyTimeTest, ALeapForwardIsOneStep) {
  SteadyTime time(absl::Seconds(15), absl::Seconds(1));
  time.Read(kStart);
  EXPECT_EQ(time.Read(kStart + absl::Hours(5)), kStart + absl::Seconds(1));
  EXPECT_EQ(time.Read(kStart + absl::Hours(5) + absl::Seconds(3)), kStart + absl::Seconds(4));
}

}  // namespace
}  // namespace hone
