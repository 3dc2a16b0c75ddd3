#include "common/measure/paired.h"

#include <gtest/gtest.h>

#include "common/support/random.h"
#include "common/support/status_matchers.h"

namespace hone {
namespace {

// Kernels by name of entry: time of "a" is 1, of "b" `b_time`, with common drift and noise of their own.
class FakeRunner final : public Runner {
 public:
  explicit FakeRunner(double b_time) : b_time_(b_time) {}
  RunResult Run(const RunRequest& request) override {
    RunResult result;
    if (request.artifact.entry == "broken") {
      result.failure = Failure{FailureKind::kCrash, "planted"};
      return result;
    }
    EXPECT_FALSE(request.best_so_far.has_value());
    drift_ *= 1.01;
    result.median = (request.artifact.entry == "a" ? 1 : b_time_) * drift_ * (1 + 0.002 * random_.Normal());
    result.disturbance.disturbed = disturb_every > 0 && ++runs_ % disturb_every == 0;
    return result;
  }
  std::string DeviceFingerprintJson() const override { return "{}"; }
  int disturb_every = 0;

 private:
  const double b_time_;
  double drift_ = 1;
  int runs_ = 0;
  CounterRandom random_{{42}};
};

RunRequest Request(const char* entry) {
  RunRequest request;
  request.artifact.entry = entry;
  return request;
}

TEST(ComparePairedTest, FindsTheFasterInSpiteOfDrift) {
  FakeRunner runner(1.05);
  ASSERT_OK_AND_ASSIGN(const PairedComparison comparison, ComparePaired(runner, Request("a"), Request("b")));
  EXPECT_TRUE(comparison.a_is_faster());
  EXPECT_NEAR(comparison.ratio, 1 / 1.05, 0.01);
  ASSERT_OK_AND_ASSIGN(const PairedComparison swapped, ComparePaired(runner, Request("b"), Request("a")));
  EXPECT_TRUE(swapped.b_is_faster());
}

TEST(ComparePairedTest, EqualKernelsAreNotRanked) {
  FakeRunner runner(1);
  ASSERT_OK_AND_ASSIGN(const PairedComparison comparison, ComparePaired(runner, Request("a"), Request("b")));
  EXPECT_LE(comparison.low, 1.002);
  EXPECT_GE(comparison.high, 0.998);
}

TEST(ComparePairedTest, DisturbedPairsDoNotCountAndFailuresAreErrors) {
  FakeRunner runner(1.2);
  runner.disturb_every = 3;
  ASSERT_OK_AND_ASSIGN(const PairedComparison comparison, ComparePaired(runner, Request("a"), Request("b")));
  EXPECT_TRUE(comparison.a_is_faster());
  runner.disturb_every = 1;
  EXPECT_STATUS(ComparePaired(runner, Request("a"), Request("b")), absl::StatusCode::kUnavailable, "undisturbed");
  EXPECT_STATUS(ComparePaired(runner, Request("a"), Request("broken")), absl::StatusCode::kFailedPrecondition,
                "crash: planted");
  EXPECT_STATUS(ComparePaired(runner, Request("a"), Request("b"), 3), absl::StatusCode::kInvalidArgument, "3 pairs");
}

}  // namespace
}  // namespace hone
