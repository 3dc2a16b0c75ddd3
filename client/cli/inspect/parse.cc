#include "client/cli/inspect/parse.h"

#include "client/cli/inspect/program.h"
#include "common/script/printer.h"
#include "common/support/status_macros.h"

namespace hone::cli {

absl::StatusOr<InspectAnswer> InspectParse(const InspectCase& question) {
  HONE_ASSIGN_OR_RETURN(ir::IRModule module, ParseProgram(question));
  return InspectAnswer().Text("module", script::PrintModule(module));
}

}  // namespace hone::cli
