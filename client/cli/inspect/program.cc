#include "client/cli/inspect/program.h"

#include "common/intrin/intrin.h"
#include "common/schedule/schedule_error.h"
#include "common/schedule/trace_from_python.h"
#include "common/script/parser.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/target/host.h"

namespace hone::cli {

absl::StatusOr<ir::IRModule> ParseProgram(const InspectCase& question) {
  if (question.module.empty()) return absl::InvalidArgumentError("the case has no module");
  script::ParseOptions options;
  options.file_name = "module";
  return script::ParseModule(question.module, options);
}

absl::StatusOr<schedule::Schedule> ScheduleProgram(const InspectCase& question) {
  HONE_ASSIGN_OR_RETURN(ir::IRModule module, ParseProgram(question));
  schedule::ScheduleOptions options;
  options.intrinsics = FindTensorIntrin;
  HONE_ASSIGN_OR_RETURN(schedule::Schedule schedule, schedule::Schedule::Create(module, options));
  if (!question.trace_json.empty()) {
    HONE_ASSIGN_OR_RETURN(const schedule::Trace trace, schedule::TraceFromText(question.trace_json));
    if (const absl::Status applied = trace.ApplyTo(schedule); !applied.ok()) {
      return absl::Status(applied.code(), ToAbsl(schedule::RenderScheduleError(schedule, applied)));
    }
  }
  return schedule;
}

absl::StatusOr<SpaceContext> SpaceContextOf(const InspectCase& question) {
  if (question.target.empty()) return absl::InvalidArgumentError("the case has no target");
  HONE_ASSIGN_OR_RETURN(Target target, Target::Parse(question.target));
  return SpaceContext{target, FindTensorIntrin};
}

absl::StatusOr<Target> TargetOf(const InspectCase& question) {
  const Target host = DetectHost();
  if (question.target.empty()) return host;
  HONE_ASSIGN_OR_RETURN(Target target, Target::Parse(question.target));
  return target.FilledFrom(host);
}

}  // namespace hone::cli
