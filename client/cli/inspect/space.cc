#include "client/cli/inspect/space.h"

#include "client/cli/inspect/program.h"
#include "common/schedule/trace_json.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/space/default_lists.h"
#include "server/space/space_generator.h"

namespace hone::cli {

absl::StatusOr<InspectAnswer> InspectSpace(const InspectCase& question) {
  HONE_ASSIGN_OR_RETURN(ir::IRModule module, ParseProgram(question));
  HONE_ASSIGN_OR_RETURN(SpaceContext context, SpaceContextOf(question));
  PostOrderApply generator;
  if (!question.kind.empty()) {
    HONE_ASSIGN_OR_RETURN(ScheduleRules rules, DefaultScheduleRules(question.kind));
    generator.SetRules(std::move(rules));
    HONE_ASSIGN_OR_RETURN(Postprocs postprocs, DefaultPostprocs(question.kind));
    generator.SetPostprocs(std::move(postprocs));
    HONE_ASSIGN_OR_RETURN(Mutators mutators, DefaultMutators(question.kind));
    generator.SetMutators(std::move(mutators));
  }
  HONE_RETURN_IF_ERROR(generator.Initialize(context, module));
  HONE_ASSIGN_OR_RETURN(std::vector<schedule::Schedule> spaces, generator.Generate(module, /*seed=*/1));
  schedule::TraceJsonOptions options;
  options.bools_as_ints = true;
  std::string json = "[";
  for (const schedule::Schedule& space : spaces) {
    HONE_ASSIGN_OR_RETURN(std::string trace, schedule::TraceToJson(space.trace(), options));
    StrAppend(&json, json.size() > 1 ? ", " : "", trace);
  }
  return InspectAnswer().Json("spaces", json + "]");
}

}  // namespace hone::cli
