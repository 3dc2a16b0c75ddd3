#include "client/cli/workload_file.h"

#include "client/cli/file.h"
#include "common/script/parser.h"
#include "common/script/workload_codec.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::cli {

absl::StatusOr<Workload> WorkloadFromText(const std::string& path, std::string_view text) {
  script::ParseOptions options;
  options.file_name = path;
  options.check_well_formed = true;
  absl::StatusOr<ir::IRModule> module = script::ParseModule(text, options);
  // A bad program is the file's fault, not the command line's.
  if (!module.ok()) return absl::FailedPreconditionError(module.status().message());
  if (module->Entry() == nullptr) {
    return absl::FailedPreconditionError(StrCat(path, ": there is no function to tune (one, or one called main)"));
  }
  return script::WorkloadOfModule(*module);
}

absl::StatusOr<Workload> LoadWorkload(const std::string& path) {
  HONE_ASSIGN_OR_RETURN(std::string text, ReadInput(path));
  return WorkloadFromText(path, text);
}

}  // namespace hone::cli
