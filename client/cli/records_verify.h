// `hone records verify`: measures imported records, so that what others claim becomes what we know.
#pragma once

#include "client/cli/flags.h"

namespace hone::cli {

void AddRecordsVerifyCommand(Flags& records);

}  // namespace hone::cli
