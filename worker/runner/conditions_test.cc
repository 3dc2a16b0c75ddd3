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

Conditions At(double ghz, double cache_microseconds) { return {ghz, cache_microseconds * 1e-6}; }

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

TEST(UsualConditionsTest, ASlowCacheOrAnotherClockDoesNotFit) {
  UsualConditions usual;
  Clock clock;
  for (int i = 0; i < 100; ++i) usual.Note(At(4 + 0.01 * (i % 3), 40 + i % 3), clock.Next());
  EXPECT_TRUE(usual.Fit(At(4.03, 42)));
  EXPECT_TRUE(usual.Fit(At(4, 30)));
  EXPECT_FALSE(usual.Fit(At(4, 50)));
  EXPECT_FALSE(usual.Fit(At(3.9, 40)));
  EXPECT_FALSE(usual.Fit(At(4.1, 40)));
}

TEST(UsualConditionsTest, ALastingChangeBecomesUsual) {
  UsualConditions usual;
  Clock clock;
  for (int i = 0; i < 500; ++i) usual.Note(At(4, 40), clock.Next());
  EXPECT_FALSE(usual.Fit(At(3.5, 60)));
  for (int i = 0; i < 500; ++i) usual.Note(At(3.5, 60), clock.Next());
  EXPECT_TRUE(usual.Fit(At(3.5, 60)));
}

TEST(UsualConditionsTest, ABurstOfManySamplesDoesNotBecomeUsual) {
  UsualConditions usual;
  Clock clock;
  for (int i = 0; i < 100; ++i) usual.Note(At(4, 40), clock.Next());
  const absl::Time burst = clock.Next();
  for (int i = 0; i < 1000; ++i) usual.Note(At(4, 80), burst + absl::Milliseconds(i));
  EXPECT_FALSE(usual.Fit(At(4, 80)));
}

TEST(UsualConditionsTest, AProbeThatIsNeverSteadyIsNotHeeded) {
  UsualConditions usual;
  Clock clock;
  for (int i = 0; i < 100; ++i) usual.Note(At(2 + 0.05 * (i % 40), 40), clock.Next());
  EXPECT_TRUE(usual.Fit(At(2, 40)));
  EXPECT_FALSE(usual.Fit(At(2, 60)));
}

}  // namespace
}  // namespace hone::runner
