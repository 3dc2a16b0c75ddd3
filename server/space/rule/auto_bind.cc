#include "server/space/rule/auto_bind.h"

#include "absl/strings/str_join.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/space/bind_threads.h"
#include "server/space/cores.h"

namespace hone {

absl::Status AutoBind::Initialize(const SpaceContext& context) {
  HONE_ASSIGN_OR_RETURN(max_threads_per_block_, space::RequiredInt(context.target, "max_threads_per_block", name()));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<schedule::Schedule>> AutoBind::Apply(schedule::Schedule sch, schedule::BlockRv block) {
  HONE_RETURN_IF_ERROR(space::BindBlockThreadIdx(sch, block, max_threadblocks_, max_threads_per_block_,
                                                 space::SampledThreadFactor(thread_extents_)));
  return OneSchedule(std::move(sch));
}

std::string AutoBind::Signature() const {
  return StrCat(name(), "(", max_threadblocks_, ", [", absl::StrJoin(thread_extents_, ","), "])");
}

}  // namespace hone
