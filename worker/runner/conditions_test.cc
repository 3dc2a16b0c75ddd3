#include "worker/runner/conditions.h"

#include <gtest/gtest.h>

namespace hone::runner {
namespace {

// A probe a second.
class Clock {
 public:
  absl::Time Next() { return now_ += absl::Seconds(1); }

 private:
  absl::Time now_ = absl::UnixEpoch();
};

Conditions At(double ghz, double cache_microseconds, double core_microseconds = 0) {
  return {ghz, cache_microseconds * 1e-6, core_microseconds * 1e-6};
}

TEST(UsualConditionsTest, FirstSamplesAndUnprobedOnesAlwaysFit) {
  UsualConditions usual;
  Clock clock;
  EXPECT_TRUE(usual.Fit(At(4, 40)));
  for (int i = 0; i < 10; ++i) usual.Note(At(4, 40), clock.Next());
  EXPECT_TRUE(usual.Fit(At(2, 400)));
  for (int i = 0; i < 10; ++i) usual.Note(At(4, 40), clock.Next());
  EXPECT_FALSE(usual.Fit(At(2, 400)));
  EXPECT_TRUE(usual.Fit({}));
}

TEST(UsualConditionsTest, ASlowCacheOrAFarClockDoesNotFit) {
  UsualConditions usual;
  Clock clock;
  for (int i = 0; i < 100; ++i) usual.Note(At(4 + 0.01 * (i % 3), 40 + i % 3), clock.Next());
  EXPECT_TRUE(usual.Fit(At(4.2, 42)));
  EXPECT_TRUE(usual.Fit(At(4, 30)));
  EXPECT_FALSE(usual.Fit(At(4, 50)));
  EXPECT_FALSE(usual.Fit(At(3.7, 40)));
  EXPECT_FALSE(usual.Fit(At(4.3, 40)));
}

TEST(UsualConditionsTest, ALastingChangeBecomesUsual) {
  UsualConditions usual;
  Clock clock;
  for (int i = 0; i < 500; ++i) usual.Note(At(4, 40), clock.Next());
  EXPECT_FALSE(usual.Fit(At(3.5, 60)));
  for (int i = 0; i < 500; ++i) usual.Note(At(3.5, 60), clock.Next());
  EXPECT_TRUE(usual.Fit(At(3.5, 60)));
  EXPECT_EQ(usual.ClockFactor(3.5), 1);
}

TEST(UsualConditionsTest, ABurstOfManySamplesDoesNotBecomeUsual) {
  UsualConditions usual;
  Clock clock;
  for (int i = 0; i < 100; ++i) usual.Note(At(4, 40), clock.Next());
  const absl::Time burst = clock.Next();
  for (int i = 0; i < 1000; ++i) usual.Note(At(4, 80), burst + absl::Milliseconds(i));
  EXPECT_FALSE(usual.Fit(At(4, 80)));
}

TEST(UsualConditionsTest, ACacheThatIsHardlyEverFastIsNotHeeded) {
  UsualConditions usual;
  Clock clock;
  for (int i = 0; i < 200; ++i) usual.Note(At(4, 40 + 2 * (i % 40)), clock.Next());
  EXPECT_TRUE(usual.Fit(At(4, 110)));
}

TEST(UsualConditionsTest, TimesAtClocksNearbyAreBroughtToTheReference) {
  UsualConditions usual;
  Clock clock;
  EXPECT_EQ(usual.ClockFactor(4), 1);
  for (int i = 0; i < 100; ++i) usual.Note(At(4, 40), clock.Next());
  EXPECT_DOUBLE_EQ(usual.ClockFactor(3.9), 3.9 / 4);
  EXPECT_EQ(usual.ClockFactor(3), 1);
  EXPECT_EQ(usual.ClockFactor(0), 1);
  // A drift moves no reference.
  for (int i = 0; i < 500; ++i) usual.Note(At(3.9, 40), clock.Next());
  EXPECT_DOUBLE_EQ(usual.ClockFactor(3.9), 3.9 / 4);
}

TEST(UsualConditionsTest, ACoreIsAloneWhenItIsAsFastAsItEverIs) {
  UsualConditions usual;
  Clock clock;
  EXPECT_GT(usual.CoreLimitSeconds(), 1);
  // Shared nine times of ten.
  for (int i = 0; i < 100; ++i) usual.Note(At(4, 40, i % 10 == 0 ? 2.0 : 2.6), clock.Next());
  EXPECT_GT(usual.CoreLimitSeconds(), 2.1e-6);
  EXPECT_LT(usual.CoreLimitSeconds(), 2.5e-6);
}

TEST(UsualConditionsTest, WhereCoresAreHardlyEverAloneNobodyWaits) {
  UsualConditions usual;
  Clock clock;
  for (int i = 0; i < 300; ++i) usual.Note(At(4, 40, i == 0 ? 2.0 : 2.6), clock.Next());
  EXPECT_GT(usual.CoreLimitSeconds(), 1);
}

TEST(UsualConditionsTest, ASharedCoreSaysNothingAboutTheCache) {
  UsualConditions usual;
  Clock clock;
  for (int i = 0; i < 100; ++i) {
    usual.Note(i % 10 == 0 ? At(4, 40, 2.0) : At(4, 60, 2.6), clock.Next());
  }
  EXPECT_TRUE(usual.Fit(At(4, 42)));
  for (int i = 0; i < 100; ++i) usual.Note(At(4, 40, 2.0), clock.Next());
  EXPECT_FALSE(usual.Fit(At(4, 60)));
}

}  // namespace
}  // namespace hone::runner
