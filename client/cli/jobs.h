// `hone jobs` and `hone workers`.
#pragma once

#include "client/cli/flags.h"

namespace hone::cli {

void AddJobsCommand(Flags& hone);
void AddWorkersCommand(Flags& hone);

}  // namespace hone::cli
