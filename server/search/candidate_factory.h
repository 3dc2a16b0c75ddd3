// Turns decisions into candidates: replays a trace on the workload, runs the postprocs, and measures what the search
// needs to know of the result.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "common/ir/module.h"
#include "common/lower/gpu/verify_gpu.h"
#include "common/schedule/schedule.h"
#include "common/schedule/trace.h"
#include "common/support/random.h"
#include "server/cost_model/features.h"
#include "server/search/prefix_cache.h"
#include "server/search/replay_key.h"
#include "server/space/space_generator.h"

namespace hone {

// A legal point of a design space.
struct Individual {
  schedule::Trace trace;   // With decisions, without the postprocessing part.
  uint64_t hash = 0;       // Structural hash of the module after the postprocs.
  FeatureMatrix features;  // Empty when not asked for.
  LaneChoices lanes;       // That end in this program, too.

  // Equal for individuals whose traces end alike.
  uint64_t key() const { return ReplayKey(trace, lanes); }
  // Of a trace that a mutator made from this one's: key() of what it would end in, as far as that is known.
  uint64_t KeyOfMutant(const schedule::Trace& mutant) const { return ReplayKeyOfMutant(mutant, trace, lanes); }
};

// Why a trace gave no candidate; counted for the log.
enum class Rejection { kNone, kSchedule, kPostproc, kFeatures };

// Thread-safe once made.
class CandidateFactory {
 public:
  // `start`: a schedule of the workload that nothing was done to; candidates are made from copies of it, so that the
  // workload is analysed once. `with_features`: also extract per-store features. `space` must outlive it.
  CandidateFactory(schedule::Schedule start, const Target& target, const SpaceGenerator& space, bool with_features);

  // Replays `trace` with its decisions (repaired by the primitives where they do not fit), or, with `resample`, with
  // fresh ones drawn from `seed`. Null when a primitive or a postproc refuses.
  std::shared_ptr<const Individual> Make(const schedule::Trace& trace, int64_t seed, bool resample,
                                         Rejection* why = nullptr) const;

  // The same for a trace that has all its decisions, by nothing but full replay and the generic passes: the oracle of
  // tests and benchmarks.
  std::shared_ptr<const Individual> MakeByFullPath(const schedule::Trace& trace) const;

  // The whole trace of a candidate, as builders replay it and records keep it: `trace` with its decisions, then what
  // the postprocs did. An error when `trace` gives no candidate.
  absl::StatusOr<schedule::Trace> FinalTrace(const schedule::Trace& trace) const;
  // The schedule with that trace.
  absl::StatusOr<schedule::Schedule> FinalSchedule(const schedule::Trace& trace) const;

 private:
  std::shared_ptr<const Individual> MakeBy(bool full_path, const schedule::Trace& trace, int64_t seed, bool resample,
                                           Rejection* why) const;

  const schedule::Schedule start_;
  bool is_gpu_;
  const SpaceGenerator& space_;
  bool with_features_;
  std::optional<lower::GpuLimits> thread_limits_;  // When VerifyGPUCode is among the postprocs.
  bool fetches_first_ = false;  // RewriteCooperativeFetch is the first of the postprocs that change the program.
  mutable PrefixCache prefixes_;
};

}  // namespace hone
