#include "server/space/postproc.h"

namespace hone {

PostprocOutcome ApplyPostprocs(const Postprocs& postprocs, schedule::Schedule& sch, bool by_passes) {
  PostprocOutcome outcome;
  outcome.error = sch.EnterPostproc();
  if (!outcome.error.ok()) {
    outcome.failed = 0;
    return outcome;
  }
  for (size_t i = 0; i < postprocs.size(); ++i) {
    absl::StatusOr<bool> passed = by_passes ? postprocs[i]->ApplyByPasses(sch) : postprocs[i]->Apply(sch);
    if (passed.ok() && *passed) continue;
    outcome.failed = static_cast<int>(i);
    if (!passed.ok()) outcome.error = passed.status();
    return outcome;
  }
  return outcome;
}

}  // namespace hone
