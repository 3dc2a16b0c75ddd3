#include "client/cli/inspect/features.h"

#include <charconv>
#include <cmath>

#include "client/cli/inspect/program.h"
#include "common/support/status_macros.h"
#include "server/cost_model/feature/extract.h"

namespace hone::cli {
namespace {

// The shortest text that reads back as the same number.
void AppendNumber(float value, std::string* text) {
  if (!std::isfinite(value)) {
    *text += "null";
    return;
  }
  char digits[64];
  const std::to_chars_result end = std::to_chars(digits, digits + sizeof digits, value);
  text->append(digits, end.ptr);
}

}  // namespace

absl::StatusOr<InspectAnswer> InspectFeatures(const InspectCase& question) {
  HONE_ASSIGN_OR_RETURN(SpaceContext context, SpaceContextOf(question));
  HONE_ASSIGN_OR_RETURN(schedule::Schedule schedule, ScheduleProgram(question));
  HONE_ASSIGN_OR_RETURN(FeatureMatrix features, ExtractFeatures(schedule.module(), context.target.HasKey("gpu")));
  std::string json = "[";
  for (int row = 0; row < features.rows; ++row) {
    json += row > 0 ? ", [" : "[";
    for (int column = 0; column < features.columns; ++column) {
      if (column > 0) json += ", ";
      AppendNumber(features.Row(row)[column], &json);
    }
    json += "]";
  }
  return InspectAnswer().Json("features", json + "]");
}

}  // namespace hone::cli
