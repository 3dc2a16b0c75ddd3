#include "common/schedule/primitive/postproc_marker.h"

#include "common/schedule/schedule.h"

namespace hone::schedule {

absl::Status Schedule::EnterPostproc() {
  const PrimitiveScope scope(*this, kEnterPostprocRow);
  Record(kEnterPostprocRow, {}, {}, {});
  return absl::OkStatus();
}

const InstructionRow kEnterPostprocRow = {.name = "EnterPostproc",
                                          .pure = false,
                                          .inputs = "",
                                          .attrs = "",
                                          .outputs = Outputs::kNone,
                                          .output_kind = ' ',
                                          .method = "enter_postproc",
                                          .arguments = "",
                                          .apply = [](Schedule& s, Call&) { return s.EnterPostproc(); }};

}  // namespace hone::schedule
