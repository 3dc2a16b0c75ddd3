// `hone records`: what is known to be fast.
#pragma once

#include "client/cli/flags.h"

namespace hone::cli {

void AddRecordsCommand(Flags& hone);

}  // namespace hone::cli
