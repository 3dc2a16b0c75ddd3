#include "worker/runner/evaluator.h"

#include <gtest/gtest.h>

#include "worker/runner/statistics.h"

namespace hone::runner {
namespace {

// A kernel that takes `seconds` a call, with some samples disturbed.
class FakeSampler final : public Sampler {
 public:
  explicit FakeSampler(double seconds) : seconds_(seconds) {}

  std::optional<Failure> Take(int64_t calls, Sample* sample) override {
    ++taken;
    total_calls += calls;
    if (fail_at == taken) return Failure{FailureKind::kCrash, "planted"};
    const bool disturbed =
        disturb_every > 0 && taken % disturb_every == 0 && (undisturbed_every == 0 || taken % undisturbed_every != 0);
    sample->seconds_per_call = seconds_ * (disturbed ? 2 : 1) * (1 + 0.001 * (taken % 3));
    sample->raw_seconds_per_call = 2 * sample->seconds_per_call;  // The clock is twice as fast as the reference.
    sample->seconds = sample->seconds_per_call * static_cast<double>(calls);
    sample->running_fraction = disturbed && !unusual ? 0.5 : 1;
    sample->usual = !(disturbed && unusual);
    return std::nullopt;
  }

  void Wait(absl::Duration duration) override {
    waited += duration;
    if (waited >= calm_after) disturb_every = 0;
  }

  int taken = 0;
  int64_t total_calls = 0;
  int disturb_every = 0;
  int undisturbed_every = 0;  // Of those that disturb_every names.
  int fail_at = 0;
  bool unusual = false;  // Disturbances show in the probes only.
  absl::Duration calm_after = absl::InfiniteDuration();
  absl::Duration waited = absl::ZeroDuration();

 private:
  const double seconds_;
};

Evaluation Measured(FakeSampler& sampler, std::optional<double> best, const MeasurementPolicy& policy = {}) {
  Evaluation evaluation;
  EXPECT_FALSE(Evaluate(policy, best, sampler, &evaluation).has_value());
  return evaluation;
}

TEST(EvaluatorTest, SamplesLastAtLeastTheMinimum) {
  FakeSampler sampler(10e-6);
  const Evaluation evaluation = Measured(sampler, std::nullopt);
  EXPECT_GE(static_cast<double>(evaluation.number) * 10e-6, 4e-3);
  EXPECT_LE(static_cast<double>(evaluation.number) * 10e-6, 10e-3);
}

TEST(EvaluatorTest, ALoserGetsFewSamplesAndAHopelessOneIsGivenUpAtOnce) {
  FakeSampler loser(1.2e-3);
  EXPECT_EQ(Measured(loser, 1e-3).samples.size(), 3u);
  FakeSampler hopeless(10e-3);
  const Evaluation evaluation = Measured(hopeless, 1e-3);
  EXPECT_TRUE(evaluation.abandoned);
  EXPECT_EQ(evaluation.samples.size(), 1u);
  EXPECT_FALSE(evaluation.contender);
}

TEST(EvaluatorTest, AContenderIsMeasuredUntilItsMedianIsKnown) {
  FakeSampler contender(1e-3);
  const Evaluation evaluation = Measured(contender, 1.01e-3);
  EXPECT_TRUE(evaluation.contender);
  EXPECT_GE(evaluation.samples.size(), 5u);
  EXPECT_LE(evaluation.samples.size(), 15u);
  EXPECT_FALSE(evaluation.disturbed);
}

TEST(EvaluatorTest, RawSamplesAreKeptBesideThoseAtTheReferenceClock) {
  FakeSampler sampler(1e-3);
  const Evaluation evaluation = Measured(sampler, std::nullopt);
  ASSERT_EQ(evaluation.raw_samples.size(), evaluation.samples.size());
  for (size_t i = 0; i < evaluation.samples.size(); ++i) {
    EXPECT_DOUBLE_EQ(evaluation.raw_samples[i], 2 * evaluation.samples[i]);
  }
}

TEST(EvaluatorTest, SamplesOfAContenderAreSpreadOverHalfOfItsBudget) {
  FakeSampler contender(1e-3);
  Measured(contender, std::nullopt);
  EXPECT_GT(contender.waited, absl::ZeroDuration());
  EXPECT_LE(contender.waited, MeasurementPolicy().budget_contender / 2);
  FakeSampler loser(1.2e-3);
  Measured(loser, 1e-3);
  EXPECT_EQ(loser.waited, absl::ZeroDuration());
}

TEST(EvaluatorTest, TheLowestLevelCountsWhereMostSamplesAreDisturbed) {
  FakeSampler sampler(1e-3);
  sampler.disturb_every = 1;
  sampler.undisturbed_every = 6;
  sampler.unusual = true;
  const Evaluation evaluation = Measured(sampler, std::nullopt);
  EXPECT_LT(Median(evaluation.samples), 1.1e-3);
  EXPECT_LT(evaluation.seconds, 1.003e-3);
}

TEST(EvaluatorTest, DisturbedSamplesAreRepeatedNotKept) {
  FakeSampler sampler(1e-3);
  sampler.disturb_every = 3;
  const Evaluation evaluation = Measured(sampler, 0.9e-3);
  EXPECT_FALSE(evaluation.disturbed);
  EXPECT_EQ(evaluation.samples.size(), 3u);
  for (double sample : evaluation.samples) EXPECT_LT(sample, 1.1e-3);
  EXPECT_GT(evaluation.foreign_load, 0.05);
}

TEST(EvaluatorTest, TimingsThatAreAlwaysDisturbedAreMarked) {
  FakeSampler sampler(1e-3);
  sampler.disturb_every = 1;
  const Evaluation evaluation = Measured(sampler, std::nullopt);
  EXPECT_TRUE(evaluation.disturbed);
  EXPECT_FALSE(evaluation.samples.empty());
}

TEST(EvaluatorTest, WhoMayBeAContenderWaitsForADisturbanceToPass) {
  FakeSampler contender(1e-3);
  contender.disturb_every = 1;
  contender.unusual = true;
  contender.calm_after = absl::Milliseconds(200);
  const Evaluation evaluation = Measured(contender, std::nullopt);
  EXPECT_FALSE(evaluation.disturbed);
  EXPECT_GE(evaluation.samples.size(), 3u);
  for (double sample : evaluation.samples) EXPECT_LT(sample, 1.1e-3);

  FakeSampler loser(1e-3);
  loser.disturb_every = 1;
  loser.unusual = true;
  EXPECT_TRUE(Measured(loser, 0.5e-3).abandoned);
  EXPECT_LE(loser.waited, absl::Milliseconds(150));

  FakeSampler never(1e-3);
  never.disturb_every = 1;
  never.unusual = true;
  EXPECT_TRUE(Measured(never, std::nullopt).disturbed);
  EXPECT_LE(never.waited, MeasurementPolicy().budget_contender + absl::Milliseconds(50));
}

TEST(EvaluatorTest, ALoserThatNoDisturbanceExplainsIsNotWaitedFor) {
  FakeSampler loser(1e-3);  // 2e-3 when disturbed.
  loser.disturb_every = 1;
  loser.unusual = true;
  EXPECT_TRUE(Measured(loser, 0.5e-3).abandoned);
  EXPECT_EQ(loser.waited, absl::ZeroDuration());
  EXPECT_EQ(loser.taken, 2);
}

TEST(EvaluatorTest, BudgetEndsTheMeasurementOfSlowKernels) {
  FakeSampler slow(0.2);
  const Evaluation evaluation = Measured(slow, std::nullopt);
  EXPECT_LE(evaluation.samples.size(), 3u);
  EXPECT_EQ(evaluation.number, 1);
}

TEST(EvaluatorTest, FixedNumberAndFlushAreObeyed) {
  MeasurementPolicy policy;
  policy.number = 7;
  FakeSampler sampler(1e-6);
  EXPECT_EQ(Measured(sampler, std::nullopt, policy).number, 7);
  policy.number = 0;
  policy.flush_cache = true;
  EXPECT_EQ(Measured(sampler, std::nullopt, policy).number, 1);
}

TEST(EvaluatorTest, AFailureEndsIt) {
  FakeSampler sampler(1e-3);
  sampler.fail_at = 3;
  Evaluation evaluation;
  EXPECT_TRUE(Evaluate({}, std::nullopt, sampler, &evaluation).has_value());
}

TEST(StatisticsTest, TheLowestLevelIsOneThatSeveralSamplesShare) {
  std::vector<double> level;
  EXPECT_DOUBLE_EQ(LowestLevel({9.0, 10.0, 10.05, 10.1, 12.0, 12.01, 12.02, 12.03}, 3, 0.015, &level), 10.05);
  EXPECT_EQ(level.size(), 3u);
  EXPECT_DOUBLE_EQ(LowestLevel({1.0, 2.0, 3.0}, 3, 0.015, &level), 1.5);
  EXPECT_TRUE(level.empty());
  EXPECT_DOUBLE_EQ(LowestLevel({5.0}, 3, 0.015), 5);
}

TEST(StatisticsTest, OrderStatistics) {
  EXPECT_DOUBLE_EQ(Median({3, 1, 2}), 2);
  EXPECT_DOUBLE_EQ(Median({4, 1, 2, 3}), 2.5);
  EXPECT_DOUBLE_EQ(RelativeSpread({1, 2, 3, 4, 5}), 2.0 / 3);
  EXPECT_DOUBLE_EQ(RelativeSpread({1}), 0);
}

}  // namespace
}  // namespace hone::runner
