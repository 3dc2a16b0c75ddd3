#include "client/cli/inspect/replay.h"

#include "client/cli/inspect/program.h"
#include "common/schedule/trace_json.h"
#include "common/script/printer.h"
#include "common/support/status_macros.h"

namespace hone::cli {

absl::StatusOr<InspectAnswer> InspectReplay(const InspectCase& question) {
  HONE_ASSIGN_OR_RETURN(schedule::Schedule schedule, ScheduleProgram(question));
  schedule::TraceJsonOptions options;
  options.bools_as_ints = true;
  HONE_ASSIGN_OR_RETURN(std::string trace, schedule::TraceToJson(schedule.trace(), options));
  InspectAnswer answer;
  answer.Text("module", script::PrintModule(schedule.module())).Json("trace", std::move(trace));
  return answer;
}

}  // namespace hone::cli
