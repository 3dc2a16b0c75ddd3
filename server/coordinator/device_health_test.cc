#include "server/coordinator/device_health.h"

#include <gtest/gtest.h>

namespace hone {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'000'000);

// A device with a baseline of 1 ms, at `now`.
DeviceHealth WellAt(absl::Time now) {
  DeviceHealth health;
  health.Connected(/*canary=*/true, now);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(health.WantsCanary(now));
    health.CanaryPassed(1e-3, now);
  }
  EXPECT_FALSE(health.WantsCanary(now));
  return health;
}

TEST(DeviceHealthTest, TheFirstCanariesMakeTheBaselineAndTheNextComesLater) {
  DeviceHealth health = WellAt(kStart);
  EXPECT_EQ(health.baseline_secs(), 1e-3);
  EXPECT_FALSE(health.WantsCanary(kStart + absl::Minutes(9)));
  EXPECT_TRUE(health.WantsCanary(kStart + absl::Minutes(10)));
}

TEST(DeviceHealthTest, OneSlowCanaryIsRepeatedAndTwoTakeTheDeviceOut) {
  DeviceHealth health = WellAt(kStart);
  health.CanaryPassed(1.8e-3, kStart);
  EXPECT_FALSE(health.Quarantined(kStart));
  EXPECT_TRUE(health.WantsCanary(kStart));
  health.CanaryPassed(1.8e-3, kStart);
  EXPECT_TRUE(health.Quarantined(kStart));
  EXPECT_NE(health.reason().find("1.80 times its baseline"), std::string::npos) << health.reason();
}

TEST(DeviceHealthTest, AGoodCanaryBringsItBackAndBadOnesKeepItOutLonger) {
  DeviceHealth health = WellAt(kStart);
  health.CanaryFailed("wrong result", kStart);
  EXPECT_TRUE(health.Quarantined(kStart + absl::Seconds(29)));
  absl::Time again = kStart + absl::Seconds(30);
  EXPECT_FALSE(health.Quarantined(again));
  EXPECT_TRUE(health.WantsCanary(again));
  health.CanaryFailed("wrong result", again);
  EXPECT_TRUE(health.Quarantined(again + absl::Seconds(59)));
  health.CanaryPassed(1e-3, again + absl::Seconds(60));
  EXPECT_FALSE(health.Quarantined(again + absl::Seconds(60)));
  EXPECT_EQ(health.reason(), "");
}

TEST(DeviceHealthTest, FaultsInARowTakeAWorkerOutAndWorkForgivesThem) {
  DeviceHealth health;
  health.Connected(/*canary=*/false, kStart);
  for (int i = 0; i < 4; ++i) health.Faulted("no memory", kStart);
  health.Worked();
  for (int i = 0; i < 4; ++i) health.Faulted("no memory", kStart);
  EXPECT_FALSE(health.Quarantined(kStart));
  health.Faulted("no memory", kStart);
  EXPECT_TRUE(health.Quarantined(kStart));
  EXPECT_FALSE(health.Quarantined(kStart + absl::Seconds(30)));
  health.Worked();
  EXPECT_EQ(health.reason(), "");
}

TEST(DeviceHealthTest, ABaselineThatWasDisturbedIsCorrected) {
  DeviceHealth health;
  health.Connected(true, kStart);
  for (int i = 0; i < 3; ++i) health.CanaryPassed(9e-3, kStart);
  health.CanaryPassed(1e-3, kStart);
  EXPECT_EQ(health.baseline_secs(), 1e-3);
}

}  // namespace
}  // namespace hone
