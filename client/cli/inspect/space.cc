#include "client/cli/inspect/space.h"

#include "client/cli/inspect/program.h"
#include "common/schedule/trace_json.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/space/plugin_loader.h"
#include "server/space/space_factory.h"
#include "server/space/space_size.h"

namespace hone::cli {
namespace {

// What the case asks for by `space`, else by `kind`.
std::string SpaceName(const InspectCase& question) {
  if (!question.space.empty()) return question.space;
  return question.kind.empty() ? "post-order-apply" : StrCat("post-order-apply(", question.kind, ")");
}

absl::StatusOr<std::string> Json(const std::vector<schedule::Schedule>& spaces) {
  schedule::TraceJsonOptions options;
  options.python_objects = true;
  std::string json = "[";
  for (const schedule::Schedule& space : spaces) {
    HONE_ASSIGN_OR_RETURN(std::string trace, schedule::TraceToJson(space.trace(), options));
    StrAppend(&json, json.size() > 1 ? ", " : "", trace);
  }
  return json + "]";
}

// Traces as Python, without the decisions that were drawn.
absl::StatusOr<std::string> Listing(const std::vector<schedule::Schedule>& spaces, const schedule::Schedule& start) {
  std::string text;
  for (size_t i = 0; i < spaces.size(); ++i) {
    const schedule::Trace trace = spaces[i].trace().Simplified(/*remove_postproc=*/true);
    HONE_ASSIGN_OR_RETURN(const double points, space::CountPoints(start, trace));
    StrAppend(&text, i > 0 ? "\n" : "", "# space ", i, " of ", spaces.size(), ": ", space::PointsText(points),
              " points, ", trace.size(), " instructions\n");
    for (const std::string& line : schedule::SkeletonOf(trace).AsPython()) StrAppend(&text, line, "\n");
  }
  if (!text.empty()) text.pop_back();  // The printer ends the last line.
  return text;
}

}  // namespace

absl::StatusOr<InspectAnswer> InspectSpace(const InspectCase& question) {
  HONE_ASSIGN_OR_RETURN(ir::IRModule module, ParseProgram(question));
  HONE_ASSIGN_OR_RETURN(SpaceContext context, SpaceContextOf(question));
  HONE_ASSIGN_OR_RETURN(const PluginRegistry plugins, LoadPlugins(question.plugins));
  HONE_ASSIGN_OR_RETURN(const std::unique_ptr<SpaceGenerator> generator,
                        MakeSpaceGenerator(SpaceName(question), context, module, plugins));
  HONE_ASSIGN_OR_RETURN(const std::vector<schedule::Schedule> spaces, generator->Generate(module, /*seed=*/1));
  InspectAnswer answer;
  HONE_ASSIGN_OR_RETURN(std::string json, Json(spaces));
  answer.Json("spaces", std::move(json));
  if (question.listing) {
    schedule::ScheduleOptions options;
    options.intrinsics = context.intrinsics;
    HONE_ASSIGN_OR_RETURN(const schedule::Schedule start, schedule::Schedule::Create(module, options));
    HONE_ASSIGN_OR_RETURN(std::string text, Listing(spaces, start));
    answer.Plain(std::move(text));
  }
  return answer;
}

}  // namespace hone::cli
