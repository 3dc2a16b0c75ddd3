#include "client/cli/exit_code.h"

#include <cstdio>
#include <string>

namespace hone::cli {

int Report(const absl::Status& status) {
  if (status.ok()) return kExitOk;
  std::fprintf(stderr, "hone: %s\n", std::string(status.message()).c_str());
  return ExitCodeOf(status);
}

}  // namespace hone::cli
