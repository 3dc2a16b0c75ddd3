#include "server/space/postproc/rewrite_tensorize.h"

#include <string>
#include <vector>

#include "common/schedule/state.h"
#include "common/support/log.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/space/analysis.h"

namespace hone {
namespace {

using schedule::BlockRv;
using schedule::Schedule;
using schedule::ScheduleState;
using schedule::SrefId;

constexpr std::string_view kTensorize = "meta_schedule.auto_tensorize";

struct Job {
  std::string block;
  std::string intrin;  // Empty: vectorise the loop of the init inside.
};

void Collect(const ScheduleState& state, SrefId id, std::vector<Job>& jobs) {
  for (SrefId child = state.at(id).first_child; child != schedule::kNoSref; child = state.at(child).next_sibling) {
    Collect(state, child, jobs);
  }
  if (state.block(id) != nullptr && space::HasAnnotation(state, id, kTensorize)) {
    jobs.push_back({std::string(state.block(id)->name), std::string(space::StringAnnotation(state, id, kTensorize))});
  }
}

absl::Status VectorizeInit(Schedule& sch, BlockRv block) {
  HONE_ASSIGN_OR_RETURN(const schedule::BlockRvs children, sch.GetChildBlocks(block));
  if (children.size() != 1) return absl::FailedPreconditionError("an init to vectorise without its single inner block");
  HONE_ASSIGN_OR_RETURN(const schedule::LoopRvs loops, sch.GetLoops(children[0]));
  if (loops.size() != 1) return absl::FailedPreconditionError("an init to vectorise without its single loop");
  return sch.Vectorize(loops[0]);
}

}  // namespace

absl::StatusOr<bool> RewriteTensorize::Apply(Schedule& sch) const {
  for (std::string_view function : sch.state().FunctionNames()) {
    std::vector<Job> jobs;
    Collect(sch.state(), sch.state().RootOf(function), jobs);
    for (const Job& job : jobs) {
      // The peer takes names that begin with "init" for something else (it tests the position, which is then 0).
      if (job.intrin.empty() && (!vectorize_init_loop_ || job.block.starts_with("init"))) continue;
      HONE_ASSIGN_OR_RETURN(const BlockRv block, sch.GetBlock(job.block, function));
      HONE_RETURN_IF_ERROR(sch.Unannotate(block, kTensorize));
      if (job.intrin.empty()) {
        HONE_RETURN_IF_ERROR(VectorizeInit(sch, block));
      } else if (absl::Status status = sch.Tensorize(block, job.intrin); !status.ok()) {
        HONE_LOG(kDebug) << "tensorize of block \"" << job.block << "\" with " << job.intrin
                         << " failed: " << status.ToString();
      }
    }
  }
  return true;
}

std::string RewriteTensorize::Signature() const {
  return StrCat(name(), "(vectorize_init_loop=", vectorize_init_loop_ ? "T" : "F", ")");
}

}  // namespace hone
