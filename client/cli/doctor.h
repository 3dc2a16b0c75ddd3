// `hone doctor`: is this machine fit to tune on, and is the server there?
#pragma once

#include "client/cli/flags.h"

namespace hone::cli {

void AddDoctorCommand(Flags& hone);

}  // namespace hone::cli
