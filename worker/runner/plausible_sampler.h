// Samples of a kernel that shares its process with the code that reads the clock there, and could change what that
// says.
#pragma once

#include "common/measure/policy.h"
#include "worker/runner/candidate_process.h"
#include "worker/runner/conditions.h"
#include "worker/runner/evaluator.h"

namespace hone::runner {

// What a report of `reported` seconds is worth when the runner waited `wall` for it and the process used `cpu`, on
// `threads` threads at most.
enum class Plausibility {
  kPlausible,    // It explains the wait, but for a few milliseconds or half of it.
  kKeptFromRun,  // It explains the CPU time: the process was stopped, or others had its CPUs, for the rest of the wait.
  kDoubtful,     // Neither. Beside a long wait: the kernel lies.
};
Plausibility Judge(absl::Duration reported, absl::Duration wall, absl::Duration cpu, int threads);

// Holds the clock of a kernel's process against ours, which it cannot change, and against the CPU time that the system
// counts for it. A report that is in doubt is repeated, with more calls until nothing but a lie can explain it.
class PlausibleSampler final : public Sampler {
 public:
  // Refers to all of them. `threads`: how many the kernel may run on.
  PlausibleSampler(TimedProcess& process, const MeasurementPolicy& policy, int threads, UsualConditions& usual)
      : process_(process), policy_(policy), threads_(threads), usual_(usual) {}

  void Wait(absl::Duration duration) override;
  // A crash when the kernel forges its timing; a time-out when the process is kept from running time and again.
  std::optional<Failure> Take(int64_t calls, Sample* sample) override;

 private:
  using Timing = TimedProcess::Timing;
  Timing TimingOf(int64_t calls) const;
  double Fill(const Reply& reply, int64_t calls, const Timing& timing, Sample* sample);

  TimedProcess& process_;
  const MeasurementPolicy& policy_;
  const int threads_;
  UsualConditions& usual_;
  int samples_taken_ = 0;
  double seconds_per_call_ = 0;  // Of the last sample.
};

}  // namespace hone::runner
