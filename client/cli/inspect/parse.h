// `hone inspect parse`: reads a program and prints it from the IR.
#pragma once

#include "client/cli/inspect/case.h"

namespace hone::cli {

absl::StatusOr<InspectAnswer> InspectParse(const InspectCase& question);

}  // namespace hone::cli
