// Turns a MeasurementPolicy into timed samples: how many calls a sample has, how many samples a candidate gets, when a
// loser is given up, which samples were disturbed and are taken again. Knows nothing of processes.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "common/measure/failure.h"
#include "common/measure/policy.h"
#include "common/measure/runner.h"

namespace hone::runner {

// One timed group of calls.
struct Sample {
  double seconds_per_call = 0;      // At the reference clock.
  double raw_seconds_per_call = 0;  // As measured.
  double seconds = 0;               // All calls, as measured.
  double running_fraction = 1;      // Share of `seconds` during which the measuring thread had its CPU.
  int64_t involuntary_switches = 0;
  bool migrated = false;
  bool usual = true;  // Taken while clock and shared cache were as usual.
};

// Takes samples of one kernel.
class Sampler {
 public:
  virtual ~Sampler() = default;
  virtual std::optional<Failure> Take(int64_t calls, Sample* sample) = 0;
  // Lets time pass, so that a disturbance ends or the next sample sees another moment of the machine; a sampler for
  // which neither matters need not.
  virtual void Wait(absl::Duration duration) {}
};

struct Evaluation {
  double seconds = 0;               // A call at the reference clock: the lowest level that several samples share.
  std::vector<double> samples;      // Seconds per call at the reference clock, undisturbed ones when there are any.
  std::vector<double> raw_samples;  // The same, as measured.
  int64_t number = 1;               // Calls a sample.
  bool abandoned = false;
  bool contender = false;   // Its median is within best * contender_ratio, or there is no best.
  bool disturbed = false;   // Too many samples were disturbed: those that are kept are not clean.
  double foreign_load = 0;  // Mean share of the timed sections during which others ran in our place.
  int64_t involuntary_switches = 0;
  int64_t migrations = 0;
};

// Follows `policy`; `best_so_far` is in seconds. A failure of the sampler ends it.
std::optional<Failure> Evaluate(const MeasurementPolicy& policy, std::optional<double> best_so_far, Sampler& sampler,
                                Evaluation* evaluation);

}  // namespace hone::runner
