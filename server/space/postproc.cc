#include "server/space/postproc.h"

#include "absl/functional/function_ref.h"

namespace hone {
namespace {

PostprocOutcome ApplyEach(const Postprocs& postprocs, schedule::Schedule& sch,
                          absl::FunctionRef<absl::StatusOr<bool>(const Postproc&)> apply) {
  PostprocOutcome outcome;
  outcome.error = sch.EnterPostproc();
  if (!outcome.error.ok()) {
    outcome.failed = 0;
    return outcome;
  }
  for (size_t i = 0; i < postprocs.size(); ++i) {
    const absl::StatusOr<bool> passed = apply(*postprocs[i]);
    if (passed.ok() && *passed) continue;
    outcome.failed = static_cast<int>(i);
    if (!passed.ok()) outcome.error = passed.status();
    return outcome;
  }
  return outcome;
}

}  // namespace

PostprocOutcome ApplyPostprocs(const Postprocs& postprocs, schedule::Schedule& sch) {
  return ApplyEach(postprocs, sch, [&](const Postproc& postproc) { return postproc.Apply(sch); });
}

PostprocOutcome ApplyPostprocs(const Postprocs& postprocs, schedule::Schedule& sch, direct::ProgramReading& reading) {
  return ApplyEach(postprocs, sch, [&](const Postproc& postproc) {
    return &postproc == postprocs.back().get() ? postproc.ApplyLast(sch, reading) : postproc.Apply(sch);
  });
}

PostprocOutcome ApplyPostprocsByPasses(const Postprocs& postprocs, schedule::Schedule& sch) {
  return ApplyEach(postprocs, sch, [&](const Postproc& postproc) { return postproc.ApplyByPasses(sch); });
}

}  // namespace hone
