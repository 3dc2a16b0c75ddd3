#include "worker/runner/evaluator.h"

#include <algorithm>
#include <cmath>

#include "worker/runner/statistics.h"

namespace hone::runner {
namespace {

// A sample is disturbed when its thread lost more than this share of its time to others.
constexpr double kTolerableLoss = 0.02;
// At most this many disturbed samples are taken again for every clean one that is wanted.
constexpr int kRetriesPerSample = 2;
// Before a contender's sample is taken again because core, clock or cache were not as usual: short, as neighbours come
// and go within milliseconds, and one sample in a quiet moment is worth more than many others.
constexpr absl::Duration kPause = absl::Milliseconds(10);
// For a candidate that looks hopeless while they were not.
constexpr int kSecondChances = 2;
// A neighbour on the same core, or one that uses up the shared cache, slows a kernel down by no more than this; what
// would still be a loser without it is not worth waiting for.
constexpr double kWorstNeighbour = 1.4;
// A contender is measured until so many undisturbed samples lie so close together above the fastest one, and their
// median is known this well.
constexpr size_t kAgreeing = 5;
constexpr double kAgreement = 0.015;
constexpr double kWantedMedianError = 0.005;
constexpr int64_t kMaxNumber = int64_t{1} << 30;

class Run {
 public:
  Run(const MeasurementPolicy& policy, std::optional<double> best, Sampler& sampler, Evaluation* evaluation)
      : policy_(policy), best_(best), sampler_(sampler), out_(*evaluation) {}

  std::optional<Failure> Execute() {
    if (auto failure = WarmUp()) return failure;
    if (auto failure = Calibrate()) return failure;
    if (out_.abandoned) return Finish();
    // Losers first: nobody knows yet whether this is one.
    const int repeat = std::max(1, policy_.repeat);
    while (Kept() < repeat && HasBudget(policy_.budget_loser)) {
      if (auto failure = TakeOne()) return failure;
    }
    out_.contender = IsContender();
    wanted_ = std::max(repeat, policy_.max_repeat);
    while (out_.contender && Kept() < policy_.max_repeat && HasBudget(policy_.budget_contender) && !IsSettled()) {
      Spread();
      if (auto failure = TakeOne()) return failure;
      out_.contender = IsContender();
    }
    return Finish();
  }

 private:
  std::optional<Failure> WarmUp() {
    for (int i = 0; i < policy_.warm_up; ++i) {
      Sample sample;
      if (auto failure = sampler_.Take(1, &sample)) return failure;
      estimate_ = sample.seconds_per_call;
    }
    return std::nullopt;
  }

  // Finds `number` such that a sample lasts min_repeat, and keeps the first sample that does.
  std::optional<Failure> Calibrate() {
    const double wanted = absl::ToDoubleSeconds(policy_.min_repeat);
    int64_t number =
        policy_.number > 0 || policy_.flush_cache ? std::max(1, policy_.number) : Fill(wanted, estimate_, 1);
    int distrusted = 0;
    while (true) {
      Sample sample;
      if (auto failure = sampler_.Take(number, &sample)) return failure;
      out_.number = number;
      // A short first sample shows a hopeless loser well enough.
      if (Hopeless(sample.seconds_per_call)) {
        // Not because of what the machine did meanwhile.
        if (!sample.usual && !Hopeless(Undisturbed(sample)) && distrusted++ < kSecondChances) {
          Wait();
          continue;
        }
        Keep(sample);
        out_.abandoned = true;
        return std::nullopt;
      }
      const bool long_enough = policy_.number > 0 || policy_.flush_cache || sample.seconds >= 0.8 * wanted;
      if (long_enough || number >= kMaxNumber) {
        Keep(sample);
        return std::nullopt;
      }
      number = Fill(wanted, sample.seconds_per_call, number * 2);
    }
  }

  static int64_t Fill(double wanted, double per_call, int64_t at_least) {
    const double number = per_call > 0 ? std::ceil(wanted / per_call) : static_cast<double>(at_least);
    return std::clamp(static_cast<int64_t>(std::min(number, 1e9)), at_least, kMaxNumber);
  }

  std::optional<Failure> TakeOne() {
    // Waiting costs as much as measuring: it has the same budget.
    // A likely loser waits once only.
    const bool patient = IsContender() || (waited_ == absl::ZeroDuration() && !IsLoser());
    if (unusual_ && patient) Wait();
    Sample sample;
    if (auto failure = sampler_.Take(out_.number, &sample)) return failure;
    Keep(sample);
    return std::nullopt;
  }

  // Samples in a row see the same moment of the machine: those of a contender are taken over half of its budget.
  void Spread() {
    if (!unusual_) sampler_.Wait(policy_.budget_contender / (2 * std::max(1, policy_.max_repeat)));
  }

  void Wait() {
    const absl::Duration pause = std::min(kPause, policy_.budget_contender - waited_);
    if (pause <= absl::ZeroDuration()) return;
    sampler_.Wait(pause);
    waited_ += pause;
  }

  void Keep(const Sample& sample) {
    spent_ += sample.seconds;
    lost_ += (1 - sample.running_fraction) * sample.seconds;
    out_.involuntary_switches += sample.involuntary_switches;
    out_.migrations += sample.migrated ? 1 : 0;
    const bool clean =
        1 - sample.running_fraction <= kTolerableLoss && !(sample.migrated && policy_.pin) && sample.usual;
    unusual_ = !sample.usual;
    fastest_ = std::min(fastest_, Undisturbed(sample));
    unusual_samples_ += sample.usual ? 0 : 1;
    (clean ? clean_ : disturbed_).push_back(sample.seconds_per_call);
    (clean ? raw_clean_ : raw_disturbed_).push_back(sample.raw_seconds_per_call);
  }

  // Samples that count towards what is wanted: disturbed ones only once the patience for them is used up, or where it
  // is not worth any.
  int Kept() const {
    const int clean = static_cast<int>(clean_.size());
    const int disturbed = static_cast<int>(disturbed_.size());
    if (waited_ >= policy_.budget_contender) return clean + disturbed;
    const int retries = IsLoser() ? 1 : kRetriesPerSample;
    // A contender has the patience of its budget for the unusual ones.
    const int counted = IsContender() ? disturbed - unusual_samples_ : disturbed;
    return clean + std::max(0, counted - retries * wanted_);
  }

  // What the call may have taken at best on a quiet machine.
  static double Undisturbed(const Sample& sample) {
    return sample.seconds_per_call * sample.running_fraction / (sample.usual ? 1 : kWorstNeighbour);
  }

  // Too few undisturbed ones: all samples together. Disturbances only slow down, so that the lowest level stays.
  bool TooFewClean() const {
    const size_t wanted = static_cast<size_t>(out_.abandoned ? 1 : std::max(1, policy_.repeat));
    return clean_.size() < std::min(wanted, clean_.size() + disturbed_.size());
  }
  double Estimate() const {
    if (!TooFewClean()) return LowestLevel(clean_, kAgreeing, kAgreement);
    std::vector<double> all = clean_;
    all.insert(all.end(), disturbed_.begin(), disturbed_.end());
    return LowestLevel(all, kAgreeing, kAgreement);
  }
  bool HasBudget(absl::Duration budget) const { return spent_ < absl::ToDoubleSeconds(budget); }
  bool IsSettled() const {
    if (clean_.size() < kAgreeing) return false;
    std::vector<double> level;
    LowestLevel(clean_, kAgreeing, kAgreement, &level);
    return !level.empty() && RelativeMedianError(level) < kWantedMedianError;
  }
  bool IsContender() const { return !best_.has_value() || Estimate() <= *best_ * policy_.contender_ratio; }
  // Whether no disturbance can be the reason why it is no contender.
  bool IsLoser() const { return best_.has_value() && fastest_ > *best_ * policy_.contender_ratio; }
  bool Hopeless(double seconds) const {
    return best_.has_value() && policy_.abandon_ratio > 0 && seconds > *best_ * policy_.abandon_ratio;
  }

  std::optional<Failure> Finish() {
    // Too few clean samples: all are kept, and the timing is marked.
    out_.disturbed = TooFewClean();
    out_.seconds = Estimate();
    out_.samples = clean_;
    out_.raw_samples = raw_clean_;
    if (out_.disturbed) {
      out_.samples.insert(out_.samples.end(), disturbed_.begin(), disturbed_.end());
      out_.raw_samples.insert(out_.raw_samples.end(), raw_disturbed_.begin(), raw_disturbed_.end());
    }
    out_.foreign_load = spent_ > 0 ? std::max(0.0, lost_ / spent_) : 0;
    return std::nullopt;
  }

  const MeasurementPolicy& policy_;
  const std::optional<double> best_;
  Sampler& sampler_;
  Evaluation& out_;
  double estimate_ = 0;  // Seconds a call, by the last warm-up call.
  double spent_ = 0;
  double lost_ = 0;
  int unusual_samples_ = 0;                       // Among the disturbed ones.
  bool unusual_ = false;                          // The last sample.
  double fastest_ = HUGE_VAL;                     // Of all samples, as they may have been undisturbed.
  absl::Duration waited_ = absl::ZeroDuration();  // For disturbances to pass.
  int wanted_ = std::max(1, policy_.repeat);      // Samples.
  std::vector<double> clean_;
  std::vector<double> disturbed_;
  std::vector<double> raw_clean_;
  std::vector<double> raw_disturbed_;
};

}  // namespace

std::optional<Failure> Evaluate(const MeasurementPolicy& policy, std::optional<double> best_so_far, Sampler& sampler,
                                Evaluation* evaluation) {
  return Run(policy, best_so_far, sampler, evaluation).Execute();
}

}  // namespace hone::runner
