#include "client/cli/inspect/shrink.h"

#include "client/cli/inspect/program.h"
#include "common/schedule/oracle/shrink.h"
#include "common/schedule/trace_from_python.h"
#include "common/schedule/trace_json.h"
#include "common/script/printer.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::cli {

absl::StatusOr<InspectAnswer> InspectShrink(const InspectCase& question) {
  HONE_ASSIGN_OR_RETURN(const ir::IRModule module, ParseProgram(question));
  if (question.trace_json.empty()) return absl::InvalidArgumentError("the case has no trace");
  HONE_ASSIGN_OR_RETURN(const schedule::Trace trace, schedule::TraceFromText(question.trace_json));
  HONE_ASSIGN_OR_RETURN(std::string json, schedule::TraceToJson(trace));
  const schedule::FailingCase failing{script::PrintModule(module), std::move(json)};
  const schedule::CaseCheck check = schedule::WhatIsWrongInChild(/*seed=*/1);
  const std::string wrong = check(failing);
  InspectAnswer answer;
  if (wrong.empty()) return answer.Text("wrong", "").Plain("nothing goes wrong with the case\n");
  const schedule::FailingCase small = schedule::Shrink(failing, check);
  answer.Text("wrong", wrong).Text("module", small.module).Json("trace", small.trace);
  return answer.Plain(StrCat(wrong, "\n\n", schedule::DescribeCase(small)));
}

}  // namespace hone::cli
