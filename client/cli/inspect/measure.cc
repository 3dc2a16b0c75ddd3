#include "client/cli/inspect/measure.h"

#include "client/cli/inspect/program.h"
#include "client/cli/table.h"
#include "common/measure/failure.h"
#include "common/measure/verdict_name.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "worker/local/local_measure.h"

namespace hone::cli {
namespace {

LocalMeasureOptions OptionsFor(const Target& target) {
  LocalMeasureOptions options;
  options.target_json = target.ToJson();
  return options;
}

std::string NumberList(const std::vector<double>& numbers) {
  std::string text = "[";
  for (size_t i = 0; i < numbers.size(); ++i) StrAppend(&text, i > 0 ? ", " : "", numbers[i]);
  return text + "]";
}

}  // namespace

absl::StatusOr<InspectAnswer> InspectMeasure(const InspectCase& question) {
  HONE_ASSIGN_OR_RETURN(Target target, TargetOf(question));
  // One for the process: it keeps compile children and reference outputs.
  static absl::StatusOr<std::unique_ptr<LocalMeasure>>& measure =
      *new absl::StatusOr<std::unique_ptr<LocalMeasure>>(LocalMeasure::Create(OptionsFor(target)));
  HONE_RETURN_IF_ERROR(measure.status());
  const RunResult run =
      BuildAndRun(**measure, question.module, question.trace_json, target.ToJson(), DefaultPolicyFor(target.kind()));
  if (run.failure.has_value()) {
    return absl::FailedPreconditionError(StrCat(FailureKindName(run.failure->kind), ": ", run.failure->message));
  }
  InspectAnswer answer;
  answer.Plain(StrCat(FormatSeconds(run.median), " (median of ", run.samples.size(), " samples of ", run.number,
                      " calls, spread ", FormatNumber(run.spread * 100), " %), ", VerdictName(run.verdict)));
  answer.Json("run_secs", NumberList(run.samples))
      .Json("median_secs", StrCat(run.median))
      .Json("spread", StrCat(run.spread))
      .Text("verdict", VerdictName(run.verdict))
      .Json("max_rel_error", StrCat(run.errors.max_rel))
      .Json("tolerance", StrCat(run.errors.tolerance))
      .Json("number", StrCat(run.number))
      .Json("disturbed", run.disturbance.disturbed ? "true" : "false")
      .Text("sandbox", run.sandbox_layers);
  return answer;
}

}  // namespace hone::cli
