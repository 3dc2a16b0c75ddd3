// `hone inspect WHAT`: one case from files and flags, or many from --cases FILE.jsonl.
#pragma once

#include <string_view>

#include "client/cli/flags.h"
#include "client/cli/inspect/case.h"

namespace hone::cli {

// Declares `inspect <what>` below `inspect`, answered by `handler`. With `alone`, cases are answered one after the
// other in one process. Exit codes: 0; 1 when a case failed; 2 and 3 for arguments and files.
void AddInspectCommand(Flags& inspect, std::string_view what, std::string_view help, InspectHandler handler,
                       bool alone = false);

}  // namespace hone::cli
