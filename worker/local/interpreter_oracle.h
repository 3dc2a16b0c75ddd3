// The reference interpreter as an independent way to the outputs of small workloads.
#pragma once

#include "worker/runner/built_reference.h"

namespace hone {

// Unimplemented for workloads of more than a few million steps, and for what the interpreter has no meaning for.
runner::Oracle MakeInterpreterOracle();

}  // namespace hone
