#include "server/search/candidate_factory.h"

#include <algorithm>
#include <utility>

#include "common/ir/structural_hash.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/cost_model/feature/direct/direct_features.h"
#include "server/cost_model/feature/direct/reading.h"
#include "server/cost_model/feature/extract.h"
#include "server/search/thread_forecast.h"
#include "server/space/postproc/disallow_dynamic_loop.h"
#include "server/space/postproc/rewrite_cooperative_fetch.h"
#include "server/space/postproc/verify_gpu_code.h"

namespace hone {

using schedule::Schedule;
using schedule::Trace;
using schedule::Value;

namespace {

// `trace` with the decisions of `replayed`, which was made by replaying it, in an arena of its own; what `kept` (which
// may be null) holds as well is shared with it.
Trace Compact(const Trace& trace, const Trace* kept, const Trace& replayed) {
  const auto same = [](const schedule::Instruction& a, const schedule::Instruction& b) {
    return a.row == b.row && a.inputs.same_as(b.inputs) && a.attrs.same_as(b.attrs) && a.outputs.same_as(b.outputs);
  };
  const bool shares =
      kept != nullptr && kept->size() >= trace.size() &&
      std::equal(trace.instructions().begin(), trace.instructions().end(), kept->instructions().begin(), same);
  if (!shares) return trace.WithDecisionsOf(replayed);
  auto arena = std::make_shared<ir::Arena>();
  arena->KeepAlive(kept->arena());
  const ir::ArenaScope scope(arena);
  std::vector<schedule::Instruction> instructions = trace.instructions();
  for (size_t i = 0; i < instructions.size(); ++i) {
    instructions[i].decision = CopyValue(replayed.instructions()[i].decision);
  }
  return Trace(std::move(instructions), std::move(arena));
}

}  // namespace

CandidateFactory::CandidateFactory(Schedule start, const Target& target, const SpaceGenerator& space,
                                   bool with_features)
    : start_(std::move(start)), is_gpu_(target.HasKey("gpu")), space_(space), with_features_(with_features) {
  for (const auto& postproc : space.postprocs()) {
    if (dynamic_cast<const VerifyGpuCode*>(postproc.get()) == nullptr) continue;
    thread_limits_.emplace();
    thread_limits_->threads = target.GetInt("max_threads_per_block").value_or(thread_limits_->threads);
    thread_limits_->warp_size = target.GetInt("thread_warp_size").value_or(thread_limits_->warp_size);
  }
  for (const auto& postproc : space.postprocs()) {
    fetches_first_ = dynamic_cast<const RewriteCooperativeFetch*>(postproc.get()) != nullptr;
    if (dynamic_cast<const DisallowDynamicLoop*>(postproc.get()) == nullptr) break;
  }
}

std::shared_ptr<const Individual> CandidateFactory::Make(const Trace& trace, int64_t seed, bool resample,
                                                         Rejection* why) const {
  return MakeBy(/*full_path=*/false, trace, seed, resample, why);
}

std::shared_ptr<const Individual> CandidateFactory::MakeByFullPath(const Trace& trace) const {
  return MakeBy(/*full_path=*/true, trace, /*seed=*/1, /*resample=*/false, nullptr);
}

std::shared_ptr<const Individual> CandidateFactory::MakeBy(bool full_path, const Trace& trace, int64_t seed,
                                                           bool resample, Rejection* why) const {
  Rejection ignored;
  Rejection& reason = why != nullptr ? *why : ignored;
  reason = Rejection::kSchedule;
  std::optional<PrefixCache::Started> started;
  if (full_path) {
    started = PrefixCache::Started{start_.CopyWithSeed(seed), schedule::RvMap(), 0, nullptr};
  } else {
    started = prefixes_.Start(start_, trace, seed);
    if (!started.has_value()) return nullptr;
  }
  Schedule& sch = started->schedule;
  if (!full_path && !resample && thread_limits_.has_value() &&
      AreThreadsSureToMisfit(trace, sch, started->map, *thread_limits_)) {
    reason = Rejection::kPostproc;
    return nullptr;
  }
  const auto draw = [](size_t, const schedule::Instruction&) { return Value::None(); };
  const Trace::DecisionProvider fresh = draw;
  const absl::Status applied = schedule::ReplayPart(trace, started->next, trace.SizeWithoutPostproc(), sch,
                                                    started->map, resample ? &fresh : nullptr);
  if (!applied.ok()) return nullptr;
  auto out = std::make_shared<Individual>();
  if (fetches_first_) out->lanes = FindLaneChoices(sch, trace.SizeWithoutPostproc());
  reason = Rejection::kPostproc;
  direct::ProgramReading reading;
  const PostprocOutcome outcome =
      full_path ? ApplyPostprocsByPasses(space_.postprocs(), sch) : ApplyPostprocs(space_.postprocs(), sch, reading);
  if (!outcome.passed()) return nullptr;
  const ir::IRModule module = sch.module();
  out->hash = ir::StructuralHash(module);
  if (with_features_) {
    reason = Rejection::kFeatures;
    absl::StatusOr<FeatureMatrix> features =
        full_path ? ExtractFeatures(module, is_gpu_) : ExtractFeaturesFast(module, is_gpu_, reading);
    if (!features.ok()) return nullptr;
    out->features = *std::move(features);
  }
  // A compact copy of the trace: the schedule's arena, with all IR ever made for it, is let go.
  out->trace = Compact(trace, started->kept, sch.trace());
  reason = Rejection::kNone;
  return out;
}

absl::StatusOr<Trace> CandidateFactory::FinalTrace(const Trace& trace) const {
  HONE_ASSIGN_OR_RETURN(const Schedule sch, FinalSchedule(trace));
  return sch.trace();
}

absl::StatusOr<Schedule> CandidateFactory::FinalSchedule(const Trace& trace) const {
  Schedule sch = start_.CopyWithSeed(1);  // Every sampling instruction has its decision: nothing is drawn.
  HONE_RETURN_IF_ERROR(trace.ApplyTo(sch, /*remove_postproc=*/true));
  const PostprocOutcome outcome = ApplyPostprocs(space_.postprocs(), sch);
  if (outcome.passed()) return sch;
  const std::string_view name = space_.postprocs()[outcome.failed]->name();
  return absl::FailedPreconditionError(StrCat("postproc ", name, " refused a candidate that it had accepted"));
}

}  // namespace hone
