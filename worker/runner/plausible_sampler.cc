#include "worker/runner/plausible_sampler.h"

#include <algorithm>
#include <vector>

#include "absl/time/clock.h"
#include "common/support/strings.h"
#include "worker/runner/statistics.h"

namespace hone::runner {
namespace {

constexpr double kLongCall = 50e-6;
constexpr double kSliceSeconds = 0.4e-3;
// Whatever is not the kernel's own only adds to its time, so that the faster slices say most.
constexpr double kSliceQuantile = 0.1;
// A sample counts when one in so many of its slices had the core to itself.
constexpr size_t kSlicesADisturbedOneHas = 4;

// A wait beside which what the runner and the system add is small.
constexpr absl::Duration kLongEnough = absl::Milliseconds(250);
constexpr int kSuspicionsToCondemn = 4;
constexpr int kMostExcuses = 16;

}  // namespace

Plausibility Judge(absl::Duration reported, absl::Duration wall, absl::Duration cpu, int threads) {
  constexpr absl::Duration kOwnWork = absl::Milliseconds(4);
  if (reported > wall + absl::Milliseconds(1)) return Plausibility::kDoubtful;
  if (wall - reported < kOwnWork || reported * 2 > wall) return Plausibility::kPlausible;
  return cpu < reported * 2 * threads + kOwnWork ? Plausibility::kKeptFromRun : Plausibility::kDoubtful;
}

void PlausibleSampler::Wait(absl::Duration duration) {
  process_.PostponeDeadline(duration);
  absl::SleepFor(duration);
}

std::optional<Failure> PlausibleSampler::Take(int64_t calls, Sample* sample) {
  int suspicions = 0, excuses = 0;
  bool in_doubt = false;
  while (true) {
    if (!policy_.flush_cache) {
      if (auto failure = process_.Poison()) return failure;
    }
    // Once in doubt without probes and warm calls: beside other processes these take long too, and are not reported.
    const Timing timing = in_doubt ? Timing{policy_.flush_cache} : TimingOf(calls);
    Reply reply;
    absl::Duration wall, cpu_before, cpu_after;
    if (in_doubt) {
      if (auto failure = process_.CpuTime(&cpu_before)) return failure;
    }
    if (auto failure = process_.Run(static_cast<uint64_t>(calls), timing, &reply, &wall)) return failure;
    const absl::Duration reported = absl::Seconds(Fill(reply, calls, timing, sample));
    if (in_doubt) {
      sample->usual = false;
      if (auto failure = process_.CpuTime(&cpu_after)) return failure;
    }
    // Flushing takes unreported time.
    if (policy_.flush_cache && reported <= wall + absl::Milliseconds(1)) return std::nullopt;
    const absl::Duration cpu = cpu_after - cpu_before;
    const Plausibility judgement = Judge(reported, wall, cpu, threads_);
    if (judgement == Plausibility::kPlausible) return std::nullopt;
    if (!in_doubt) {
      in_doubt = true;
      if (wall < kLongEnough) calls *= 4;
    } else if (judgement == Plausibility::kKeptFromRun) {
      if (++excuses == kMostExcuses) {
        return Failure{FailureKind::kRunTimeout,
                       StrCat("the candidate was kept from running (stopped, or without a CPU) ", excuses,
                              " times while it was timed, at last for ", absl::ToDoubleSeconds(wall - reported),
                              " s with ", absl::ToDoubleSeconds(cpu), " s of CPU time")};
      }
      process_.PostponeDeadline(wall - reported);
    } else if (wall < kLongEnough) {
      calls *= 4;
    } else if (++suspicions == kSuspicionsToCondemn) {
      return Failure{FailureKind::kCrash,
                     StrCat("the kernel's timing is forged: it reports ", absl::ToDoubleSeconds(reported), " s for ",
                            calls, " calls, which took ", absl::ToDoubleSeconds(wall), " s and ",
                            absl::ToDoubleSeconds(cpu), " s of CPU time")};
    }
  }
}

PlausibleSampler::Timing PlausibleSampler::TimingOf(int64_t calls) const {
  Timing timing;
  timing.flush = policy_.flush_cache;
  // Not around warm-ups.
  timing.probe = !policy_.flush_cache && samples_taken_ >= policy_.warm_up;
  if (!timing.probe) return timing;
  // The probes take the place of the kernel's data in the core's own caches; a long call does not notice.
  if (seconds_per_call_ < kLongCall) timing.warm_calls = 1;
  const double slices = std::min(static_cast<double>(calls) * seconds_per_call_ / kSliceSeconds,
                                 static_cast<double>(std::min<int64_t>(calls, kMaxSlices)));
  timing.slices = std::max(1u, static_cast<uint32_t>(slices));
  return timing;
}

// Returns the seconds that the candidate reports for all calls.
double PlausibleSampler::Fill(const Reply& reply, int64_t calls, const Timing& timing, Sample* sample) {
  const uint64_t core_limit = static_cast<uint64_t>(std::min(usual_.CoreLimitSeconds(), 1.0) * 1e9);
  uint64_t nanoseconds = 0, fastest_core = UINT64_MAX;
  std::vector<double> all, alone;  // Seconds a call, by slice: of all, and of those with the core to themselves.
  for (uint32_t i = 0; i < timing.slices; ++i) {
    nanoseconds += reply.slice_ns[i];
    all.push_back(static_cast<double>(reply.slice_ns[i]) * 1e-9 /
                  static_cast<double>(CallsOfSlice(static_cast<uint64_t>(calls), timing.slices, i)));
    const uint64_t core = std::max(reply.core_ns[i], reply.core_ns[i + 1]);
    fastest_core = std::min(fastest_core, core);
    if (core <= core_limit) alone.push_back(all.back());
  }
  sample->seconds = static_cast<double>(nanoseconds) * 1e-9;
  sample->seconds_per_call = sample->seconds / static_cast<double>(calls);
  const double elapsed = static_cast<double>(reply.elapsed_ns);
  sample->running_fraction = elapsed > 0 ? std::min(1.0, static_cast<double>(reply.thread_cpu_ns) / elapsed) : 1;
  sample->involuntary_switches = reply.involuntary_switches;
  sample->migrated = reply.cpu_before != reply.cpu_after;
  Conditions conditions;
  conditions.ghz = reply.ghz;
  conditions.cache_seconds = static_cast<double>(reply.cache_ns) * 1e-9;
  conditions.core_seconds = timing.probe ? static_cast<double>(fastest_core) * 1e-9 : 0;
  ++samples_taken_;
  seconds_per_call_ = sample->seconds_per_call;
  // What else ran in our place says nothing about the cache.
  if (sample->running_fraction > 0.98) usual_.Note(conditions, absl::Now());
  const bool shared = timing.probe && alone.size() * kSlicesADisturbedOneHas < all.size();
  sample->usual = !shared && usual_.Fit(conditions);
  // The choice of slices must not make a kernel look much faster than all of its calls together say.
  const double chosen = Quantile(alone.empty() ? all : alone, kSliceQuantile);
  if (chosen * 2 > sample->seconds_per_call) sample->seconds_per_call = chosen;
  sample->raw_seconds_per_call = sample->seconds_per_call;
  if (timing.probe) sample->seconds_per_call *= usual_.ClockFactor(reply.ghz);
  return sample->seconds;
}

}  // namespace hone::runner
