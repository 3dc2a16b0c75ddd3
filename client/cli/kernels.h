// `hone kernels`: tuned kernels as files.
#pragma once

#include "client/cli/flags.h"

namespace hone::cli {

void AddKernelsCommand(Flags& hone);

}  // namespace hone::cli
