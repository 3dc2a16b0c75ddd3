#include "client/cli/inspect/replay.h"

#include "client/cli/inspect/program.h"
#include "common/schedule/trace_json.h"
#include "common/script/printer.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/space/default_lists.h"

namespace hone::cli {
namespace {

// Applies the postprocs of the case's kind. The name of the one that said no, "" when all passed; one that failed is an
// error.
absl::StatusOr<std::string> Postprocess(const InspectCase& question, schedule::Schedule& schedule) {
  HONE_ASSIGN_OR_RETURN(SpaceContext context, SpaceContextOf(question));
  std::string_view kind = question.kind;
  if (kind.empty()) {
    HONE_ASSIGN_OR_RETURN(kind, RuleKindForSpace(context.target));
  }
  HONE_ASSIGN_OR_RETURN(Postprocs postprocs,
                        question.space.starts_with("hone") ? HonePostprocs(kind) : DefaultPostprocs(kind));
  for (const std::unique_ptr<Postproc>& postproc : postprocs) {
    HONE_RETURN_IF_ERROR(postproc->Initialize(context));
  }
  PostprocOutcome outcome = ApplyPostprocs(postprocs, schedule);
  if (outcome.passed()) return "";
  const std::string_view name = postprocs[outcome.failed]->name();
  if (!outcome.error.ok()) {
    return absl::FailedPreconditionError(StrCat("postproc ", name, ": ", ToStd(outcome.error.message())));
  }
  return std::string(name);
}

}  // namespace

absl::StatusOr<InspectAnswer> InspectReplay(const InspectCase& question) {
  HONE_ASSIGN_OR_RETURN(schedule::Schedule schedule, ScheduleProgram(question));
  std::string failed_postproc;
  if (question.postprocs) {
    HONE_ASSIGN_OR_RETURN(failed_postproc, Postprocess(question, schedule));
  }
  schedule::TraceJsonOptions options;
  options.python_objects = true;
  HONE_ASSIGN_OR_RETURN(std::string trace, schedule::TraceToJson(schedule.trace(), options));
  InspectAnswer answer;
  answer.Text("module", script::PrintModule(schedule.module())).Json("trace", std::move(trace));
  if (question.postprocs) {
    answer.Plain(StrCat(
        failed_postproc.empty() ? "# passed all postprocs\n" : StrCat("# refused by postproc ", failed_postproc, "\n"),
        script::PrintModule(schedule.module())));
    answer.Json("passed", failed_postproc.empty() ? "true" : "false");
    answer.Json("failed_postproc", failed_postproc.empty() ? "null" : JsonString(failed_postproc));
  }
  return answer;
}

}  // namespace hone::cli
