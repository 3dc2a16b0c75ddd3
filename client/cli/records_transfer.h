// `hone records export` and `import`: between a server or a work folder and a folder of JSON files that TVM reads.
#pragma once

#include "client/cli/flags.h"

namespace hone::cli {

// Declares both below `records`.
void AddRecordsTransferCommands(Flags& records);

}  // namespace hone::cli
