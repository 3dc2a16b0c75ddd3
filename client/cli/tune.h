// `hone tune`.
#pragma once

#include "client/cli/flags.h"

namespace hone::cli {

void AddTuneCommand(Flags& hone);

}  // namespace hone::cli
