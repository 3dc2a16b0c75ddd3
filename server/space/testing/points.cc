#include "server/space/testing/points.h"

#include "common/interp/interpreter.h"
#include "common/intrin/intrin.h"
#include "common/lower/lower.h"
#include "common/support/check.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/space/default_lists.h"
#include "server/space/testing/small_workloads.h"

namespace hone {

using schedule::Schedule;
using schedule::Trace;

namespace {

constexpr int64_t kReductionLength = 256;  // At most, in small workloads; sets the tolerance.

ScheduleRules RulesOf(std::string_view kind) {
  auto rules = DefaultScheduleRules(kind);
  HONE_CHECK(rules.ok()) << rules.status().ToString();
  return *std::move(rules);
}

// Without the check that a point fits the device: what it computes is the question.
Postprocs PostprocsWithoutLimits(std::string_view kind) {
  auto postprocs = DefaultPostprocs(kind);
  HONE_CHECK(postprocs.ok()) << postprocs.status().ToString();
  std::erase_if(*postprocs, [](const auto& postproc) { return postproc->name() == "VerifyGPUCode"; });
  return *std::move(postprocs);
}

// A space may sample the location of one block twice: the custom rule of winograd does, then RandomComputeLocation when
// the block stayed where it was. A first draw of "inline" then leaves nothing for the second.
bool SamplesForABlockThatIsGone(const absl::Status& status) {
  const std::string message(status.message());
  return message.find("SampleComputeLocation") != std::string::npos &&
         message.find("no longer exists") != std::string::npos;
}

}  // namespace

schedule::TensorIntrin FindDescribedIntrin(std::string_view name) {
  schedule::TensorIntrin intrin = FindTensorIntrin(name);
  intrin.implementation = intrin.description;
  return intrin;
}

absl::StatusOr<SpacePoints> SpacePoints::Create(const ir::IRModule& workload, std::string_view kind, Form form) {
  return Create(workload, kind, form, RulesOf(kind));
}

absl::StatusOr<SpacePoints> SpacePoints::Create(const ir::IRModule& workload, std::string_view kind, Form form,
                                                ScheduleRules rules) {
  SpacePoints out;
  out.form_ = form;
  const schedule::TensorIntrinTable intrinsics = form == Form::kLowered ? FindTensorIntrin : FindDescribedIntrin;
  absl::StatusOr<Target> target = Target::Parse(TargetOfKind(kind));
  HONE_CHECK(target.ok()) << target.status().ToString();
  out.target_ = std::make_unique<Target>(*target);
  out.generator_.SetRules(std::move(rules));
  if (form == Form::kScheduled) out.generator_.SetPostprocs(PostprocsWithoutLimits(kind));
  HONE_RETURN_IF_ERROR(out.generator_.Initialize(SpaceContext{*target, intrinsics}, workload));
  HONE_ASSIGN_OR_RETURN(const std::vector<Schedule> spaces, out.generator_.Generate(workload, /*seed=*/1));
  for (const Schedule& space : spaces) out.spaces_.push_back(space.trace().Simplified(/*remove_postproc=*/true));
  schedule::ScheduleOptions options;
  options.seed = 1;
  options.intrinsics = intrinsics;
  HONE_ASSIGN_OR_RETURN(Schedule start, Schedule::Create(workload, options));
  out.start_ = std::make_unique<Schedule>(std::move(start));
  HONE_ASSIGN_OR_RETURN(out.inputs_, interp::RandomArgs(workload, /*seed=*/17));
  out.expected_ = out.inputs_;
  HONE_RETURN_IF_ERROR(interp::Interpret(workload, absl::MakeSpan(out.expected_)));
  return out;
}

absl::StatusOr<SpacePoints::Outcome> SpacePoints::Check(const Trace& trace, int64_t seed) const {
  Schedule sch = start_->CopyWithSeed(seed);
  const absl::Status applied = trace.ApplyTo(
      sch, /*remove_postproc=*/true, [](size_t, const schedule::Instruction&) { return schedule::Value::None(); });
  if (SamplesForABlockThatIsGone(applied)) return Outcome::kRejected;
  HONE_RETURN_IF_ERROR(applied);
  return CheckPostprocessed(std::move(sch));
}

absl::StatusOr<Trace> SpacePoints::Decide(const Trace& trace, int64_t seed) const {
  Schedule sch = start_->CopyWithSeed(seed);
  HONE_RETURN_IF_ERROR(trace.ApplyTo(sch, /*remove_postproc=*/true,
                                     [](size_t, const schedule::Instruction&) { return schedule::Value::None(); }));
  return trace.WithDecisionsOf(sch.trace());
}

absl::StatusOr<SpacePoints::Outcome> SpacePoints::CheckAsDecided(const Trace& trace) const {
  Schedule sch = start_->CopyWithSeed(1);
  HONE_RETURN_IF_ERROR(trace.ApplyTo(sch, /*remove_postproc=*/true));
  return CheckPostprocessed(std::move(sch));
}

absl::StatusOr<SpacePoints::Outcome> SpacePoints::CheckPostprocessed(Schedule sch) const {
  const PostprocOutcome outcome = ApplyPostprocs(generator_.postprocs(), sch);
  if (!outcome.error.ok()) {
    return absl::FailedPreconditionError(StrCat("postproc ", generator_.postprocs()[outcome.failed]->name(), ": ",
                                                ToStd(outcome.error.message()), "\n", sch.trace().ToString()));
  }
  if (!outcome.passed()) return Outcome::kRejected;
  std::vector<interp::Tensor> args = inputs_;
  ir::IRModule module = sch.module();
  if (form_ == Form::kLowered) {
    absl::StatusOr<ir::IRModule> lowered = lower::Lower(module, *target_);
    if (!lowered.ok()) {
      return absl::FailedPreconditionError(
          StrCat("lowering: ", ToStd(lowered.status().message()), "\n", sch.trace().ToString()));
    }
    module = *lowered;
  }
  if (absl::Status run = interp::Interpret(module, absl::MakeSpan(args)); !run.ok()) {
    return absl::FailedPreconditionError(StrCat(ToStd(run.message()), "\n", sch.trace().ToString()));
  }
  for (size_t i = 0; i < args.size(); ++i) {
    const double tolerance = 8 * interp::Tolerance(args[i].dtype, kReductionLength);
    const interp::Difference d = interp::Compare(args[i], expected_[i], tolerance, tolerance);
    if (d.close) continue;
    return absl::FailedPreconditionError(StrCat("parameter ", i, " element ", d.worst, " is ", d.got, ", expected ",
                                                d.expected, "\n", sch.trace().ToString()));
  }
  return Outcome::kRight;
}

}  // namespace hone
