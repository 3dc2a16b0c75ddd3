// Turns the way a candidate's process ended into a failure that a person understands.
#pragma once

#include "common/measure/failure.h"
#include "worker/runner/wire.h"
#include "worker/runner/zygote.h"

namespace hone::runner {

// `note` is what the candidate's fault handlers left; it only adds words, never decides the kind.
Failure DescribeCrash(const ProcessEnd& end, const FaultNote& note);

// "8 bytes after the end of parameter 2" for an offset relative to the start of a parameter of `bytes` bytes.
std::string DescribePlace(int parameter, int64_t offset, uint64_t bytes);

}  // namespace hone::runner
